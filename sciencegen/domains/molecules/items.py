"""Parses, standardizes and writes molecules.

RDKit accepts text that it shouldn't (a Cyrillic letter ends the SMILES silently, a space starts a name) and crashes or
hangs on huge input, which no `try` can catch. Therefore suspicious text is refused before it is passed to RDKit.
"""

from __future__ import annotations

import re
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.MolStandardize import rdMolStandardize

from sciencegen.data.writers import escape
from sciencegen.items import Refusal

MAX_CHARACTERS = 1000
MAX_HEAVY_ATOMS = 200
RECORD_ERROR = "$$$$ "
"""Prefix of the text of a row whose structure record has no readable molecule; the reason follows."""

_ATOM = re.compile(r"\[[^\]]*\]|Cl|Br|[BCNOPSFIbcnops]")
_CHARGED = re.compile(r"\[[^\]]*[+-]")
_GEOMETRY = re.compile("@(SP|TB|OH)")
_POSITIONS = {
    Chem.ChiralType.CHI_SQUAREPLANAR: 4,
    Chem.ChiralType.CHI_TRIGONALBIPYRAMIDAL: 5,
    Chem.ChiralType.CHI_OCTAHEDRAL: 6,
}
"""Geometry of an atom -> number of its ligands."""
_UNCHARGER = rdMolStandardize.Uncharger()
_CANONICAL = "_canonicalSmiles"

_PARSER: Any = Chem.SmilesParserParams()  # RDKit's type stubs lack its settable attributes
_PARSER.allowCXSMILES = False
_PARSER.parseName = False
_UNSANITIZED: Any = Chem.SmilesParserParams()
_UNSANITIZED.allowCXSMILES = False
_UNSANITIZED.parseName = False
_UNSANITIZED.sanitize = False
_UNSANITIZED.removeHs = False


def parse(text: str) -> Chem.Mol | Refusal:
    """Parse a SMILES string to a standardized molecule: its largest fragment (carbon first), neutral if possible."""
    refusal = _refuse_text(text)
    if refusal is not None:
        return refusal
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromSmiles(text, _PARSER)
            if molecule is None:
                return Refusal(_why_unreadable(text))
            refusal = _refuse_molecule(molecule)
            if refusal is not None:
                return refusal
            changes = "." in text or ("[" in text and _CHARGED.search(text))
            found = standardize(molecule) if changes else molecule
            return _without_open_geometry(found) if _GEOMETRY.search(text) else found
        except (ValueError, RuntimeError) as error:
            return Refusal(f"RDKit refuses it: {_first_line(error)}")


def _refuse_text(text: str) -> Refusal | None:
    """Checks without RDKit: cheap, and the only protection against input that would crash or hang it."""
    if not isinstance(text, str):
        return Refusal(f"expected a SMILES string, got {type(text).__name__}")
    if not text:
        return Refusal("empty")
    if text.startswith(RECORD_ERROR):  # the reason may be untrusted text, so it is escaped
        return Refusal(escape(text.removeprefix(RECORD_ERROR).strip()) or "unreadable record")
    if len(text) > MAX_CHARACTERS:
        return Refusal(f"{len(text)} characters; at most {MAX_CHARACTERS} are accepted")
    if " |" in text:
        return Refusal("holds a CXSMILES extension |...|, which would be lost; write plain SMILES")
    if not (text.isascii() and text.isprintable()) or " " in text:
        bad = next(character for character in text if not "!" <= character <= "~")
        return Refusal(f"character {bad!a} is not allowed in a SMILES string")
    if "~" in text:
        return Refusal("holds a bond of unknown order '~'")
    atoms = len(_ATOM.findall(text)) if len(text) > 2 * MAX_HEAVY_ATOMS else 0
    if atoms > 2 * MAX_HEAVY_ATOMS:  # hydrogens may be written out, hence twice; the exact count follows below
        return Refusal(f"about {atoms} atoms; at most {MAX_HEAVY_ATOMS} heavy atoms are accepted")
    return None


def _why_unreadable(text: str) -> str:
    """RDKit's description of the chemistry problem, or a message that the syntax is wrong."""
    molecule = Chem.MolFromSmiles(text, _UNSANITIZED)
    if molecule is None:
        return "not a valid SMILES string"
    problems = Chem.DetectChemistryProblems(molecule)
    return problems[0].Message() if problems else "RDKit can't sanitize it"


def standardize(molecule: Chem.Mol) -> Chem.Mol | Refusal:
    """The largest organic fragment in its neutral form. Slower than parsing: call it only for several fragments or
    charges."""
    changed = False
    if len(Chem.GetMolFrags(molecule)) > 1:
        molecule = largest_fragment(molecule)
        changed = True
    charges = _charges(molecule)
    if any(charges):
        neutral = _UNCHARGER.uncharge(molecule)
        if _charges(neutral) != charges:  # a nitro group keeps its charges: most charged molecules stay as they are
            molecule, changed = neutral, True
    if changed:  # aromaticity and stereo may have changed: perceive them again, as for a molecule read from a file
        molecule = Chem.MolFromSmiles(Chem.MolToSmiles(molecule), _PARSER)
    if molecule is None:
        return Refusal("its neutral form is not a valid molecule")
    return _refuse_molecule(molecule) or molecule


def _without_open_geometry(molecule: Chem.Mol | Refusal) -> Chem.Mol | Refusal:
    """The molecule without marks of geometry (@SP1, @TB1, @OH1) on atoms with fewer ligands than the geometry has
    positions, where hydrogens without an own atom are one ligand. RDKit writes such a mark with another number each
    time, so that the SMILES would not be canonical."""
    if isinstance(molecule, Refusal):
        return molecule
    ligands = {atom: atom.GetDegree() + min(atom.GetTotalNumHs(), 1) for atom in molecule.GetAtoms()}
    open_ones = [atom for atom, count in ligands.items() if count < _POSITIONS.get(atom.GetChiralTag(), 0)]
    if not open_ones:
        return molecule
    for atom in open_ones:
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    return Chem.MolFromSmiles(Chem.MolToSmiles(molecule), _PARSER) or Refusal("not a valid molecule without geometry")


def _charges(molecule: Chem.Mol) -> list[int]:
    return [atom.GetFormalCharge() for atom in molecule.GetAtoms()]


def _refuse_molecule(molecule: Chem.Mol) -> Refusal | None:
    heavy = molecule.GetNumHeavyAtoms()
    if heavy > MAX_HEAVY_ATOMS:
        return Refusal(f"{heavy} heavy atoms; at most {MAX_HEAVY_ATOMS} are accepted")
    if heavy == molecule.GetNumAtoms() > 0:
        return None
    if any(atom.GetAtomicNum() == 0 for atom in molecule.GetAtoms()):
        return Refusal("holds an undefined atom '*'")
    return Refusal("no heavy atoms") if heavy == 0 else None


def largest_fragment(molecule: Chem.Mol) -> Chem.Mol:
    """The fragment of a salt or mixture to keep, ranked by: has carbon, number of heavy atoms, weight, SMILES."""
    fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=True)

    def rank(fragment: Chem.Mol) -> tuple[bool, int, float, str]:
        organic = any(atom.GetAtomicNum() == 6 for atom in fragment.GetAtoms())
        weight = rdMolDescriptors.CalcExactMolWt(fragment)
        return organic, fragment.GetNumHeavyAtoms(), weight, Chem.MolToSmiles(fragment)

    return max(fragments, key=rank)


def text(molecule: Chem.Mol) -> str:
    """The canonical SMILES; cached on the molecule, which must not change after parsing."""
    if molecule.HasProp(_CANONICAL):
        return molecule.GetProp(_CANONICAL)
    canonical = Chem.MolToSmiles(molecule)
    molecule.SetProp(_CANONICAL, canonical, computed=True)
    return canonical


def key(molecule: Chem.Mol) -> str:
    """Identity of a molecule: its canonical SMILES with stereochemistry."""
    return text(molecule)


def left_out(text: str) -> str:
    """Description of what `parse` removes from a SMILES string, "" for nothing."""
    several = "several molecules (salts, solvents, mixtures), of which the largest is taken, those with carbon first"
    return several if "." in text else ""


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

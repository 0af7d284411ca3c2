"""Parses, standardizes and writes molecules.

RDKit accepts text that it shouldn't (a Cyrillic letter ends the SMILES silently, a space starts a name) and crashes or
hangs on huge input, which no `try` can catch. Therefore suspicious text is refused before it is passed to RDKit.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdCIPLabeler, rdFingerprintGenerator, rdMolDescriptors, rdqueries
from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.Chem.MolStandardize import rdMolStandardize

from sciencegen.data.writers import printable
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
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            return Refusal(f"RDKit refuses it: {first}")


def _refuse_text(text: str) -> Refusal | None:
    """Checks without RDKit: cheap, and the only protection against input that would crash or hang it."""
    if not isinstance(text, str):
        return Refusal(f"expected a SMILES string, got {type(text).__name__}")
    if not text:
        return Refusal("empty")
    if text.startswith(RECORD_ERROR):  # the reason may be untrusted text, so it is escaped
        return Refusal(printable(text.removeprefix(RECORD_ERROR).strip()) or "unreadable record")
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


# Stereocentres and double bonds of molecules: counts of the defined ones for regressors, and how many are undefined.
#
# Labels (R, S, E, Z) are those of RDKit's legacy perception. In rare cases they differ from the rules of Cahn, Ingold
# and Prelog, but a label only has to be the same for the same surroundings, and the other one for the mirror image.
# Centres that depend on each other, such as those of 1,4-dimethylcyclohexane, have no such label and get that of
# RDKit's new code (r, s), which takes several times longer. Potential centres are those of RDKit's new perception.

STEREO_BITS = 512
MOST_STEPS = 20_000
"""Of the search for labels of centres that depend on each other, about 20 ms; then they get none."""
RADII = (1, 2)
"""Of the surroundings of a centre or bond that are counted with its label."""
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=max(RADII), includeRedundantEnvironments=True)
_BOND_LABEL = {
    Chem.BondStereo.STEREOE: "E",
    Chem.BondStereo.STEREOTRANS: "E",
    Chem.BondStereo.STEREOZ: "Z",
    Chem.BondStereo.STEREOCIS: "Z",
}
_MARKS = frozenset("@/\\")
"""Of SMILES with defined stereochemistry."""
_CIP = "_CIPCode"
_CHIRAL = rdqueries.HasChiralTagQueryAtom()
_DOUBLE = Chem.MolFromSmarts("[#6,#7]=[#6,#7]")
"""Bonds that may be E or Z."""


def stereo_counts(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule 512] float32: hashed counts of defined stereocentres and double bonds with their surroundings.

    Undefined ones count nothing, so a molecule without stereochemistry has a row of zeros.
    """
    table = np.zeros((len(molecules), STEREO_BITS), np.float32)
    for row, molecule in enumerate(molecules):
        if len(molecule.GetAtomsMatchingQuery(_CHIRAL)) or _labelled_bonds(molecule):
            for feature in _features(molecule):
                table[row, zlib.crc32(feature.encode()) % STEREO_BITS] += 1
    return table


def undefined_stereocentres(molecule: Chem.Mol) -> int:
    """Number of potential stereocentres and double bonds whose configuration isn't defined.

    Not counted, since they interconvert or have no choice: nitrogens and phosphorus acids; imines and amidines
    (C=N, but with N or O at the nitrogen: hydrazones, oximes); bridgeheads of symmetric cages, such as quinuclidine's.
    """
    own = Chem.Mol(molecule)  # each call leaves more on the atoms, until a call takes minutes
    found = [one for one in Chem.FindPotentialStereo(own) if one.specified == Chem.StereoSpecified.Unspecified]
    atoms = {one.centeredOn for one in found if one.type == Chem.StereoType.Atom_Tetrahedral}
    bonds = {one.centeredOn for one in found if one.type == Chem.StereoType.Bond_Double}
    centres = {index for index in atoms if not _inverts(molecule.GetAtomWithIdx(index))}
    bridgeheads: list[int] = []
    if centres:
        rdMolDescriptors.CalcNumBridgeheadAtoms(molecule, bridgeheads)  # type: ignore[arg-type]  # RDKit's stub is wrong
    fixed = centres.intersection(bridgeheads)
    if fixed:
        fixed -= {index for index, _ in Chem.FindMolChiralCenters(Chem.Mol(molecule), includeUnassigned=True)}
    return len(centres - fixed) + sum(not _is_imine(molecule.GetBondWithIdx(index)) for index in bonds)


def notes(texts: Sequence[str]) -> list[str]:
    """How many of these molecules are there in two or more configurations, from which a regressor could learn."""
    defined: Counter[str] = Counter()
    for text in set(texts):
        if _MARKS.intersection(text):
            molecule = Chem.MolFromSmiles(text)
            Chem.RemoveStereochemistry(molecule)
            defined[Chem.MolToSmiles(molecule)] += 1
    if not defined:
        return []
    several = sum(count > 1 for count in defined.values())
    known = "rest on these" if several else "have no measurement behind them"
    return [
        f"molecules with defined stereochemistry: {len(defined)}, of these in more than one configuration: {several}; "
        f"predicted differences between stereoisomers {known}"
    ]


def _labelled_bonds(molecule: Chem.Mol) -> list[tuple[int, int, str]]:
    """Both atoms and the label of each double bond with a label."""
    ends = molecule.GetSubstructMatches(_DOUBLE)
    stereo = [(first, second, molecule.GetBondBetweenAtoms(first, second).GetStereo()) for first, second in ends]
    return [(first, second, _BOND_LABEL[one]) for first, second, one in stereo if one in _BOND_LABEL]


def _features(molecule: Chem.Mol) -> Iterator[str]:
    """Text of each labelled centre and double bond with its surroundings of each radius."""
    # Labels are lost when a molecule is sent to a worker, and an edit may have changed them.
    molecule = Chem.Mol(molecule)
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
    chiral = molecule.GetAtomsMatchingQuery(_CHIRAL)
    if dependent := [atom.GetIdx() for atom in chiral if not atom.HasProp(_CIP)]:
        with suppress(RuntimeError):  # more steps than that
            rdCIPLabeler.AssignCIPLabels(molecule, dependent, [], MOST_STEPS)
    centres = {atom.GetIdx(): atom.GetProp(_CIP) for atom in chiral if atom.HasProp(_CIP)}
    bonds = _labelled_bonds(molecule)
    atoms = {*centres, *(atom for first, second, _ in bonds for atom in (first, second))}
    around = _surroundings(molecule, sorted(atoms)) if atoms else {}
    for radius in RADII:
        for atom, label in centres.items():
            yield f"{around[atom, radius]}{label}"
        for first, second, label in bonds:
            ends = sorted((around[first, radius], around[second, radius]))
            yield f"{ends[0]},{ends[1]}{label}"


def _surroundings(molecule: Chem.Mol, atoms: list[int]) -> dict[tuple[int, int], int]:
    """(atom, radius) -> Morgan identifier of its surroundings, without stereochemistry."""
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateBitInfoMap()
    _SURROUNDINGS.GetSparseCountFingerprint(molecule, fromAtoms=atoms, additionalOutput=output)
    return {place: bit for bit, places in output.GetBitInfoMap().items() for place in places}


def _inverts(atom: Chem.Atom) -> bool:
    """Whether the atom is a nitrogen, or its acid hydrogen changes places."""
    if atom.GetAtomicNum() == 7:
        return atom.GetDegree() < 4
    oxygens = [other for other in atom.GetNeighbors() if other.GetAtomicNum() == 8]
    return atom.GetAtomicNum() == 15 and any(other.GetTotalNumHs() or other.GetFormalCharge() for other in oxygens)


def _is_imine(bond: Chem.Bond) -> bool:
    """Whether the double bond is C=N, and the nitrogen carries no nitrogen or oxygen."""
    ends = sorted((bond.GetBeginAtom(), bond.GetEndAtom()), key=lambda atom: atom.GetAtomicNum())
    if [atom.GetAtomicNum() for atom in ends] != [6, 7]:
        return False
    return not any(other.GetAtomicNum() in (7, 8) for other in ends[1].GetNeighbors())


# Draws a molecule as an SVG whose bytes depend on the molecule only.

_PROLOG = re.compile(r"<\?xml[^>]*\?>\s*|<!--.*?-->\s*", re.DOTALL)


def render(molecule: Chem.Mol, width: int = 220, height: int = 160) -> str:
    """Draw a molecule as one `<svg>` element for a page, without prolog, identifiers or metadata."""
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.addStereoAnnotation = False
    options.fixedBondLength = 25.0
    options.padding = 0.06
    canonical = Chem.MolFromSmiles(text(molecule)) or Chem.Mol(molecule)  # a drawing depends on the order of the atoms
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, canonical)
    drawer.FinishDrawing()
    return _PROLOG.sub("", drawer.GetDrawingText()).strip()

"""Files of three-dimensional structures: .sdf, .xyz, and tables with the columns Elements and XYZ_Ang (QM9's own).

Reading has two steps, so that the slow one can run in killable workers: `read_structures` streams rows whose text is an
XYZ block or a molfile block; `parse_structure` makes the molecule. `structure_text` writes a molecule as a single line,
SMILES with coordinates (CXSMILES), which `parse_structure` reads too.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rdkit import Chem, rdBase

from sciencegen.data.damage import open_binary
from sciencegen.data.tables import PEEK_ROWS, csv_records, find_column
from sciencegen.domains.capabilities import Objects
from sciencegen.domains.capabilities.structures import Placement
from sciencegen.domains.molecules.files import (
    ITEM_COLUMNS,
    SEVERAL,
    ending,
    holds_several,
    lines,
    sdf_values,
    split_records,
)
from sciencegen.domains.molecules.geometry import (
    MAX_ATOMS,
    METHOD,
    Geometry,
    atomic_number,
    geometry_of,
    graph_smiles,
    molecule_of,
    perceive_bonds,
    read_molfile,
    symbols,
    why_unusable,
    with_implicit_hydrogens,
)
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, RECORD_ERROR
from sciencegen.domains.superposition import superposed
from sciencegen.domains.text_files import check_exists
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.items import Refusal, Row

STRUCTURE_FORMATS = (".sdf", ".sdf.gz", ".xyz", ".xyz.gz", ".csv", ".csv.gz")
ELEMENTS_COLUMN, POSITIONS_COLUMN = "elements", "xyz_ang"
GIVEN_SMILES = "smiles="
"""In the comment of an XYZ block: the SMILES that perceived bonds must agree with, except for stereochemistry."""
LONGEST_TEXT = 100_000

_NUMBER = re.compile(r"[^\[\],\s]+")
_ELEMENT = re.compile(r"[A-Za-z0-9]+")
_CHARGE = re.compile(r"(?:^|\s)charge\s*=\s*([+-]?\d{1,3})(?!\S)", re.IGNORECASE)
_READER: Any = Chem.SmilesParserParams()  # RDKit's type stubs lack its settable attributes
_READER.removeHs = False
_READER.parseName = False
_WRITER: Any = Chem.SmilesWriteParams()
_WRITER.canonical = False
_COORDINATES = Chem.CXSmilesFields.CX_COORDS


def read_structures(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the structures of a file as text blocks with their values; unreadable records give rows too.

    column: the column of a table with the SMILES that bonds are checked against.
    """
    kind = ending(path)
    if kind not in STRUCTURE_FORMATS:
        raise ConfigError(
            f"Expected a file of 3D structures ({', '.join(STRUCTURE_FORMATS)}), got '{path}'. Convert it or rename it."
        )
    check_exists(path, "molecules")
    if kind.startswith(".csv"):
        return _read_table(path, column)
    return _read_xyz(path) if kind.startswith(".xyz") else _read_sdf(path)


def _read_sdf(path: Path) -> Iterator[Row]:
    for number, record in split_records(path):
        block = record[: record.index("M  END") + 1] if "M  END" in record else record
        values, texts = sdf_values(record)
        if holds_several(record):
            yield Row(number, f"{RECORD_ERROR}{SEVERAL}", values)
            continue
        yield Row(number, "\n".join(block), values, record[0].strip() if record else "", texts)


def _read_xyz(path: Path) -> Iterator[Row]:
    """Blocks of a number of atoms, a comment, and a line for each atom; after an invalid number, skip to the next."""
    stream, lost = enumerate(lines(path), start=1), False
    for number, line in stream:
        if line.strip().isdecimal() and len(line.strip()) < 10:
            lost = False
            yield _xyz_row(number, int(line), stream)
        elif line.strip() and not lost:
            lost = True
            yield Row(number, f"{RECORD_ERROR}expected a number of atoms, found '{line.strip()[:40]}'")


def _xyz_row(number: int, count: int, stream: Iterator[tuple[int, str]]) -> Row:
    block = [line for _, line in islice(stream, 1 + min(count, MAX_ATOMS))]
    for _ in islice(stream, max(0, count - MAX_ATOMS)):
        pass
    if count > MAX_ATOMS:
        return Row(number, f"{RECORD_ERROR}{count} atoms; at most {MAX_ATOMS} are accepted")
    return Row(number, "\n".join([str(count), *block]))


def _read_table(path: Path, column: str | None) -> Iterator[Row]:
    """Elements as ['C','H'] and positions as [[0.0,1.0,2.0],...]; `values` holds the other numeric columns."""
    text = io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="replace", newline="")
    records = csv_records(text, ",", str(path))
    names = next(records, (0, [""]))[1]
    smiles = find_column(names, ITEM_COLUMNS, column, str(path))
    elements = find_column(names, [ELEMENTS_COLUMN], None, str(path), guess=names[smiles])
    positions = find_column(names, [POSITIONS_COLUMN], None, str(path), guess=names[smiles])
    return (_table_row(line, cells, names, smiles, elements, positions) for line, cells in records)


def _table_row(
    line: int, cells: Sequence[str], names: Sequence[str], smiles: int, elements: int, positions: int
) -> Row:
    if len(cells) != len(names):
        return Row(line, f"{RECORD_ERROR}{len(cells)} cells in a table of {len(names)} columns")
    atoms, numbers = _ELEMENT.findall(cells[elements]), _NUMBER.findall(cells[positions])
    if len(numbers) != 3 * len(atoms):
        return Row(
            line, f"{RECORD_ERROR}{len(numbers)} coordinates for {len(atoms)} atoms; three for each are expected"
        )
    places = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    block = [f"{atom} {x} {y} {z}" for atom, (x, y, z) in zip(atoms, places, strict=True)]
    found = ((name.strip(), _finite(cell)) for name, cell in zip(names, cells, strict=True))
    values = {name: value for name, value in found if value is not None}
    return Row(line, "\n".join([str(len(atoms)), f"{GIVEN_SMILES}{cells[smiles].strip()}", *block]), values)


def _finite(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def parse_structure(text: str) -> Chem.Mol | Refusal:
    """The molecule of an XYZ block, a molfile block or a line of `structure_text`, with all hydrogens and a conformer.

    Bonds of an XYZ block are perceived for a neutral molecule, or for the charge in its comment, such as "charge=-1".
    Parse untrusted text in a killable worker.
    """
    if text.startswith(RECORD_ERROR):
        return Refusal(text.removeprefix(RECORD_ERROR).strip() or "unreadable record")
    if len(text) > LONGEST_TEXT:
        return Refusal(f"{len(text)} characters; at most {LONGEST_TEXT} are accepted")
    if "\n" not in text:
        molecule = _read_line(text)
    elif is_molfile(text):
        molecule = read_molfile(text, keep_hydrogens=True)
    else:
        return _read_block(text)
    if isinstance(molecule, Refusal):
        return molecule
    geometry = geometry_of(molecule)
    return geometry if isinstance(geometry, Refusal) else molecule


def is_molfile(text: str) -> bool:
    """Whether a text of several lines is a molfile block rather than an XYZ block."""
    return "M  END" in text or "V2000" in text or "V3000" in text


def _read_line(text: str) -> Chem.Mol | Refusal:
    if not (text.isascii() and text.isprintable()) or not text:
        return Refusal("not a line of SMILES with coordinates")
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromSmiles(text, _READER)
            if molecule is not None and molecule.GetNumConformers():
                molecule.GetConformer().Set3D(True)  # the format omits z if all are zero (a planar molecule)
                Chem.AssignStereochemistryFrom3D(molecule)  # a cage's SMILES may be that of its mirror image
            return molecule or Refusal("not a valid SMILES string with coordinates")
        except (ValueError, RuntimeError):
            return Refusal("not a valid SMILES string with coordinates")


def _read_block(text: str) -> Chem.Mol | Refusal:
    """The molecule of an XYZ block, with perceived bonds, which must agree with a SMILES in its comment."""
    geometry = block_geometry(text)
    if isinstance(geometry, Refusal):
        return geometry
    comment = text.split("\n")[1]
    if not comment.startswith(GIVEN_SMILES):
        return molecule_of(geometry)
    return _agreeing(geometry.numbers, geometry.positions, comment.removeprefix(GIVEN_SMILES).strip())


def block_geometry(text: str) -> Geometry | Refusal:
    """The atoms of an XYZ block. Columns after the third coordinate (QM9's charges) are ignored, and "*^" is read as an
    exponent. The total charge in the comment is assigned to the first atom."""
    count, _, rest = text.partition("\n")
    comment, *lines = rest.split("\n")
    atoms, charge = [line for line in lines if line.strip()], _CHARGE.search(comment)
    if not count.strip().isdecimal() or int(count) != len(atoms):
        return Refusal(f"{count.strip()[:20]} atoms announced, {len(atoms)} given")
    numbers, positions = np.zeros(len(atoms), np.int64), np.full((len(atoms), 3), np.nan)
    for index, line in enumerate(atoms):
        symbol, *cells = line.replace("*^", "e").split()
        number = atomic_number(symbol)
        if number is None:
            return Refusal(f"atom {index + 1}: '{symbol[:20]}' is no element")
        try:
            numbers[index], positions[index] = number, [float(cell) for cell in cells[:3]]
        except ValueError:
            return Refusal(f"atom {index + 1}: expected three coordinates, found '{' '.join(cells)[:60]}'")
    charges = np.zeros(len(atoms), np.int64)
    charges[:1] = int(charge[1]) if charge else 0
    return Geometry(numbers, positions, charges)


def _agreeing(numbers: np.ndarray, positions: np.ndarray, smiles: str) -> Chem.Mol | Refusal:
    """The molecule of the coordinates if its graph is the SMILES's; stereochemistry isn't compared."""
    with rdBase.BlockLogs():
        given = Chem.MolFromSmiles(smiles)
    if given is None:
        return Refusal(f"'{smiles[:80]}' is not a valid SMILES string")
    molecule = perceive_bonds(numbers, positions, Chem.GetFormalCharge(given))
    if isinstance(molecule, Refusal):
        return molecule
    found = graph_smiles(molecule)
    if Chem.MolToSmiles(given, isomericSmiles=False) != found:
        return Refusal(f"bonds perceived in the coordinates give {found}, not the given {smiles[:80]}")
    return molecule


def structure_text(molecule: Chem.Mol) -> str:
    """Write a molecule with its conformer as one line for `parse_structure`: SMILES and coordinates to six digits."""
    return Chem.MolToCXSmiles(molecule, _WRITER, _COORDINATES)


def structure_key(molecule: Chem.Mol) -> str:
    """Identity of a structure: the molecule's SMILES with stereochemistry, and the spread of its atoms along their
    principal axes (roots of the gyration tensor's eigenvalues) to 0.01 Å. Invariant to translation and rotation."""
    positions = molecule.GetConformer().GetPositions()
    spread = np.linalg.svd(positions - positions.mean(0), compute_uv=False) / np.sqrt(len(positions))
    return f"{Chem.MolToSmiles(with_implicit_hydrogens(molecule))} {np.round(spread, 2).tolist()}"


def xyz_block(molecule: Chem.Mol, comment: str = "") -> str:
    """One XYZ block: the number of atoms, a comment with the charge unless it is 0, and element and coordinates
    (ångström) of each atom."""
    positions = molecule.GetConformer().GetPositions()
    elements = symbols([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    atoms = [f"{e} {x:.6f} {y:.6f} {z:.6f}" for e, (x, y, z) in zip(elements, positions, strict=True)]
    charge = Chem.GetFormalCharge(molecule)
    words = [*comment.split(), *([f"charge={charge:+d}"] if charge else [])]
    return "\n".join([str(len(atoms)), " ".join(words), *atoms]) + "\n"


# Reads atoms, charges and positions from a structure's text without chemistry checks, also for invalid molecules.
#
# `parse_structure` refuses invalid molecules, but metrics of validity must count them.

_UNCHECKED_READER: Any = Chem.SmilesParserParams()
_UNCHECKED_READER.removeHs = False
_UNCHECKED_READER.parseName = False
_UNCHECKED_READER.sanitize = False


def atoms_of(text: str) -> Geometry | Refusal:
    """The atoms of an XYZ block, a molfile block or a line of SMILES with coordinates, without bonds."""
    if text.startswith(RECORD_ERROR) or len(text) > LONGEST_TEXT:
        return Refusal("no structure that can be read")
    known = block_geometry(text) if "\n" in text and not is_molfile(text) else _drawn(text)
    if not isinstance(known, Refusal) and not 0 < len(known) <= MAX_ATOMS:
        return Refusal(f"{len(known)} atoms; 1 to {MAX_ATOMS} are accepted")
    return known


def _drawn(text: str) -> Geometry | Refusal:
    """The atoms of a molfile block or a line of SMILES, whose bonds may be wrong."""
    line = "\n" not in text
    with rdBase.BlockLogs():
        try:
            if line:
                molecule = Chem.MolFromSmiles(text, _UNCHECKED_READER)
            else:
                molecule = Chem.MolFromMolBlock(f"{text}\n", sanitize=False, removeHs=False)
        except (ValueError, RuntimeError):
            molecule = None
    if molecule is None or not molecule.GetNumConformers() or not (line or molecule.GetConformer().Is3D()):
        return Refusal("no 3D coordinates")
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.int64)
    molecule.UpdatePropertyCache(strict=False)
    if 1 not in numbers and any(atom.GetTotalNumHs() for atom in molecule.GetAtoms()):
        return Refusal("its hydrogens have no coordinates")  # heavy atoms alone could pass as another molecule
    charges = np.array([atom.GetFormalCharge() for atom in molecule.GetAtoms()], np.int64)
    return Geometry(numbers, np.asarray(molecule.GetConformer().GetPositions(), np.float64), charges)


# Tests whether a file of molecules has 3D structures, by its suffix and its first records.

_ATOM_LINE = re.compile(r"(?:M  V30 +\d+ +\S+)?" + 3 * r"\s*(-?\d+\.\d+)" + r"\s")


def holds_structures(path: Path) -> bool:
    """Whether a file has 3D structures. An .sdf may have 2D drawings, a table SMILES only; an .xyz always has them."""
    kind = ending(path)
    if kind.startswith(".csv") and path.is_file():
        try:
            return read_structures(path) is not None  # it reads the header, no row
        except SciencegenError:
            return False
    if kind.startswith(".sdf") and path.is_file():
        return any(map(_is_deep, (record for _, record in islice(split_records(path), PEEK_ROWS))))
    return kind.startswith(".xyz")


def _is_deep(record: Sequence[str]) -> bool:
    """Whether the second line of a molfile says 3D, or an atom has a z coordinate other than zero."""
    said = len(record) > 1 and record[1][20:22] == "3D"
    return said or any(float(atom[3]) != 0 for atom in map(_ATOM_LINE.match, record[4:]) if atom)


# RDKit molecules as items: of the plain domain, and of the form with coordinates.

KINDS = "RDKit molecules"


def smiles_of(given: object) -> str | None:
    """The SMILES of a molecule with implicit hydrogens."""
    if not isinstance(given, Chem.Mol):
        return None
    if (heavy := given.GetNumHeavyAtoms()) > MAX_HEAVY_ATOMS:
        return f"{RECORD_ERROR}{heavy} heavy atoms; at most {MAX_HEAVY_ATOMS} are accepted"
    with rdBase.BlockLogs():
        try:
            return Chem.MolToSmiles(with_implicit_hydrogens(given))
        except (ValueError, RuntimeError):
            return f"{RECORD_ERROR}RDKit can't sanitize the molecule"


def line_of(given: object) -> str | None:
    """The SMILES and coordinates of a molecule with hydrogens and a conformer."""
    if not isinstance(given, Chem.Mol):
        return None
    try:
        geometry = geometry_of(given)
    except (ValueError, RuntimeError):
        geometry = Refusal("RDKit can't sanitize the molecule")
    return f"{RECORD_ERROR}{geometry.reason}" if isinstance(geometry, Refusal) else structure_text(given)


def copied(molecule: Chem.Mol) -> Chem.Mol:
    """A molecule of the caller's own: items must not change."""
    return Chem.Mol(molecule)


OBJECTS = Objects(kinds=KINDS, text=smiles_of, of=copied)
STRUCTURES = Objects(kinds=f"{KINDS} with hydrogens and a conformer", text=line_of, of=copied)


# Scaffolds: parts of a molecule with fixed atom positions, around which the rest is generated.
#
# Bonds and elements of the file's heavy atoms are the pattern that a molecule must contain; hydrogens may be
# replaced.

FARTHEST_RMSD = 0.1
"""Maximum RMSD in ångström between the scaffold's atoms and their positions in the file."""
MAX_MATCHES = 1_000


@dataclass(frozen=True)
class MoleculeScaffold:
    """item: its heavy atoms with one conformer, and implicit hydrogens. query: the same without hydrogens."""

    item: Chem.Mol
    query: Chem.Mol

    @property
    def pattern(self) -> str:
        """The scaffold as a SMARTS pattern for `constraint`."""
        return Chem.MolToSmarts(self.query)

    @property
    def positions(self) -> Float[np.ndarray, "atom 3"]:
        return np.asarray(self.item.GetConformer().GetPositions())

    def place(self, item: Chem.Mol, attempt: int = 0) -> Placement | Refusal:
        """Indices and positions of the scaffold's atoms in a molecule; each attempt uses another match."""
        found = item.GetSubstructMatches(self.query, uniquify=False, maxMatches=MAX_MATCHES)
        matches = [match for match in found if _bonds_within(item, match) == self.query.GetNumBonds()]
        if not matches:
            what = "other bonds between the scaffold's atoms" if found else "no such scaffold in it"
            return Refusal(f"{what} ({Chem.MolToSmiles(self.item)})")
        return {"positions": (list(matches[attempt % len(matches)]), self.positions)}

    def fit(self, item: Chem.Mol, made: Chem.Mol, known: Placement) -> Chem.Mol | Refusal:
        """Superpose the structure so that the scaffold has its positions of the file; or superpose its mirror image, if
        that is the same item."""
        rows, places = known["positions"]
        fitted, least = Chem.Mol(made), np.inf
        for image in (1, -1):
            positions = np.asarray(made.GetConformer().GetPositions()) * (1, 1, image)
            moved = superposed(positions, positions[rows], places)
            rmsd = float(np.sqrt(((moved[rows] - places) ** 2).sum(1).mean()))
            fitted.GetConformer().SetPositions(moved)
            if rmsd <= FARTHEST_RMSD:
                Chem.AssignStereochemistryFrom3D(fitted)
            if rmsd <= FARTHEST_RMSD and with_implicit_hydrogens(fitted).HasSubstructMatch(item, useChirality=True):
                text = f"diffusion over coordinates around the scaffold (RMSD {rmsd:.3f} Å), bonds confirmed"
                fitted.SetProp(METHOD, text)
                return fitted
            least = min(least, rmsd)
        return Refusal(f"the scaffold's atoms are {least:.2f} Å from their places, or the rest is mirrored")


def read_scaffold(path: Path) -> MoleculeScaffold:
    """Read the single molecule of an .sdf (hydrogens may be missing) or of an .xyz (with all hydrogens)."""
    rows = [row for _, row in zip(range(2), read_structures(path), strict=False)]
    if len(rows) != 1:
        raise DataError(f"Expected one molecule in {path}, found {'none' if not rows else 'several'}.")
    text = rows[0].text
    molecule = read_molfile(text) if ending(path).startswith(".sdf") else parse_structure(text)
    scaffold = molecule if isinstance(molecule, Refusal) else _scaffold(molecule)
    if isinstance(scaffold, Refusal):
        raise DataError(f"Expected a molecule with 3D coordinates in {path}, found: {scaffold.reason}.")
    return scaffold


def _scaffold(molecule: Chem.Mol) -> MoleculeScaffold | Refusal:
    with rdBase.BlockLogs():
        heavy = Chem.RemoveAllHs(molecule)
    if not heavy.GetNumAtoms():
        return Refusal("no heavy atoms")
    if not heavy.GetNumConformers() or not heavy.GetConformer().Is3D():
        return Refusal("no third dimension")
    Chem.RemoveStereochemistry(heavy)
    numbers = np.array([atom.GetAtomicNum() for atom in heavy.GetAtoms()])
    return why_unusable(numbers, heavy.GetConformer().GetPositions()) or MoleculeScaffold(heavy, _query(heavy))


def _query(molecule: Chem.Mol) -> Chem.Mol:
    """A query of elements, charges and bonds, which ignores hydrogens and other substituents."""
    query = Chem.RWMol()
    for atom in molecule.GetAtoms():
        query.AddAtom(Chem.AtomFromSmarts(f"[#{atom.GetAtomicNum()}{atom.GetFormalCharge():+d}]"))
    for bond in molecule.GetBonds():
        query.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType())
    return Chem.MolFromSmarts(Chem.MolToSmarts(query))


def _bonds_within(molecule: Chem.Mol, atoms: tuple[int, ...]) -> int:
    inside = set(atoms)
    return sum(bond.GetBeginAtomIdx() in inside and bond.GetEndAtomIdx() in inside for bond in molecule.GetBonds())

"""Backbones in files: read from structures by their residues, written as PDB and mmCIF, and as text."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from sciencegen.data.damage import open_binary, reading
from sciencegen.data.tables import READ_TABLES, read_table, referred_place
from sciencegen.data.writers import is_missing, number_text, write_text
from sciencegen.domains.base import ItemIO, ItemTable
from sciencegen.domains.capabilities import Objects, Sidecar
from sciencegen.domains.proteins.backbones.geometry import Coordinates, is_dextro, place_oxygens
from sciencegen.domains.proteins.backbones.items import (
    PREFIX,
    SHORTEST,
    UNREADABLE,
    Backbone,
    backbone,
    chain_names,
    key,
    parse_text,
    text,
)
from sciencegen.domains.proteins.residues import (
    BACKBONE,
    UNKNOWN,
    Residue,
    Selected,
    atom_places,
    select_chains,
    select_residues,
)
from sciencegen.domains.proteins.structures import STRUCTURE_FORMATS, find_gaps, read_structure_file, stem_of
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.files import version_of
from sciencegen.items import Cell, Given, Origin, Refusal, Row

if TYPE_CHECKING:
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Structure import Structure


# Backbones from structure files: unbroken pieces of every protein chain, or the items of a file of designs.

ITEM_MARK = "REMARK 999 ITEM "
"""Start of a line of a PDB file that names a model which is an item of its own."""
CIF_MARK = "ITEM "
"""Start of the same in the category `_sciencegen_item` of an mmCIF file."""
SYMMETRY = "symmetry"
"""Such a line contains `symmetry=C3` for an assembly, whose first chain is the item."""
POSITIONS = "motif_positions"
"""Column of scaffolds: residues of the motif, as text."""
HEADER_LINES = 100_000
SHOWN = 5


@dataclass(frozen=True)
class ChainPiece:
    """A row of a file: the item, or why there is none. name: the item's, or that of the file with the chain.
    values: numbers that the file holds for it. unread: number of the file's models that aren't read."""

    item: Backbone | Refusal
    name: str
    values: dict[str, float] = field(default_factory=dict)
    unread: int = 0


def read_backbones(path: Path, chain: str | None = None) -> list[ChainPiece]:
    """The pieces of a file's protein chains, in order.

    A file of designs, which `write` wrote, holds an item in each model. Of other files each model is read, of those of
    an experiment the first, and a chain is cut where residues are missing. Pieces shorter than `SHORTEST` are left
    out, unless a chain has no other.

    chain: only this one, of an assembly without its copies.
    """
    marks = item_marks(path)
    parsed = read_structure_file(path)
    with reading("a structure of proteins", path):
        models, serials = list(parsed.structure), [model.serial_num for model in parsed.structure]
        if marks and len(marks) != len(models):  # another program left models out, or added some
            numbered = len(set(serials)) == len(models) and set(serials) <= set(range(1, len(marks) + 1))
            marks = [marks[serial - 1] for serial in serials] if numbered else []
        chains = [select_chains(model) for model in (models if marks else parsed.models.values())]
    if not marks:
        return list(_pieces_of_models(chains, list(parsed.models), path, chain, len(models) - len(chains)))
    designs = list(zip(chains, marks, strict=True))
    if chain is None:
        return [_design(found, mark) for found, mark in designs]
    asked = [(found, mark) for found, mark in designs if chain in found]
    if not asked:
        _raise_no_chain({name: one for found, _ in designs for name, one in found.items()}, path, chain)
    return [_design({chain: found[chain]}, mark, alone=True) for found, mark in asked]


def item_marks(path: Path) -> list[str]:
    """The name and numbers of each model of a file of designs, as written; none in other files."""
    marks = []
    with open_binary(path) as stream:
        for raw in islice(stream, HEADER_LINES):
            line = raw.decode("utf-8", "replace").strip()
            if line.startswith(("ATOM", "HETATM")):
                break
            if line.startswith(ITEM_MARK):
                marks.append(line.removeprefix(ITEM_MARK))
            elif line.startswith(f"'{CIF_MARK}") and line.endswith("'"):
                marks.append(line[1:-1].removeprefix(CIF_MARK))
    return marks


def _design(chains: dict[str, Selected], mark: str, alone: bool = False) -> ChainPiece:
    """The item of a model, its first chain; breaks between residues with successive numbers stay. alone: without the
    copies of an assembly."""
    name, *words = mark.split()
    values = {key: value for key, _, value in (word.partition("=") for word in words)}
    symmetry = "" if alone else values.get(SYMMETRY, "")
    numbers = {key: float(value) for key, value in values.items() if key != POSITIONS and _is_number(value)}
    chain, selected = next(iter(chains.items()), ("A", Selected()))
    return ChainPiece(_item(selected.residues, name, chain, symmetry), name, numbers)


def _raise_no_chain(chains: Mapping[str, Selected], path: Path, chain: str | None) -> NoReturn:
    """Raise an error that says which chains a file has."""
    others = ", ".join(name for name, one in chains.items() if one.residues) or "none"
    held = ", ".join({kind for one in chains.values() for kind in one.left_out}) or "water"
    wanted = "a protein chain" if chain is None else f"a protein chain '{chain}'"
    found = f"protein chains: {others}" if others != "none" else f"none: it holds {held}"
    raise DataError(f"Expected {wanted} in {path}, found {found[:300]}.")


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _pieces_of_models(
    models: Sequence[dict[str, Selected]], named: Sequence[str], path: Path, chain: str | None, unread: int
) -> Iterator[ChainPiece]:
    """The pieces of each model; of several, one without protein is a refused row."""
    if not any(one.residues and chain in (None, name) for chains in models for name, one in chains.items()):
        _raise_no_chain({name: one for chains in models for name, one in chains.items()}, path, chain)
    for chains, number in zip(models, named, strict=True):
        names = [name for name, one in chains.items() if one.residues and chain in (None, name)]
        called = f"{stem_of(path)}{number}"
        if not names:
            yield ChainPiece(Refusal("a model without " + ("protein" if chain is None else f"chain {chain}")), called)
        for name in names:
            for piece in _chain_pieces(chains[name].residues, f"{called}_{name}", name):
                yield replace(piece, unread=unread)


def _chain_pieces(residues: Sequence[Residue], called: str, chain: str) -> Iterator[ChainPiece]:
    whole = [residue for residue in residues if residue.atoms.keys() >= set(BACKBONE[:3])]
    if not whole:
        yield ChainPiece(Refusal(f"{len(residues)} residues with CA only; N and C are needed"), called)
        return
    cut = cut_chain(residues)
    long = [part for part in cut if len(part) >= SHORTEST] or [max(cut, key=len)]
    for part in long:
        name = called if len(cut) == 1 else f"{called}_{part[0].label}-{part[-1].label}"
        yield ChainPiece(_item(part, name, chain), name)


def cut_chain(residues: Sequence[Residue]) -> list[list[Residue]]:
    """Unbroken pieces. A chain is cut at residues without N, CA or C, and where it breaks and the numbers jump;
    a break between successive numbers is an error of the geometry, and stays for those who judge it."""
    gaps = {gap.index for gap in find_gaps(residues)[0] if gap.missing != 0}
    pieces: list[list[Residue]] = [[]]
    for index, residue in enumerate(residues):
        if residue.atoms.keys() >= set(BACKBONE[:3]):
            pieces[-1].append(residue)
        elif pieces[-1]:
            pieces.append([])
        if index in gaps and pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def chain_item(residues: Sequence[Residue], chain: str) -> Backbone | Refusal:
    """The item of a whole chain; one in which residues are missing is refused."""
    pieces = cut_chain(residues)
    if len(pieces) > 1:
        ranges = ", ".join(f"{piece[0].label} to {piece[-1].label}" for piece in pieces[:SHOWN])
        return Refusal(f"residues are missing in chain {chain}: its pieces are {ranges}")
    return _item(pieces[0] if pieces else [], "", chain)


def _item(residues: Sequence[Residue], name: str, chain: str, symmetry: str = "") -> Backbone | Refusal:
    """The item of these residues; missing oxygens are placed. D-amino acids are refused, and
    insertion codes that would run into the numbers."""
    if not residues:
        return Refusal("no amino acids")
    places = backbone_atoms(residues)
    if wrong := dextro_labels(residues):
        shown = ", ".join(wrong[:SHOWN]) + (f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
        return Refusal(f"D-amino acids, which are mirror images: residues {shown}")
    if odd := next((one for one in residues if one.insertion and not one.insertion.isalpha()), None):
        return Refusal(
            f"insertion code '{odd.insertion}' of residue {odd.number}; a letter is expected, and PDB files hold "
            "numbers up to 9999"
        )
    without = np.isnan(places[:, 3]).any(1)
    if without.any():
        places[without, 3] = place_oxygens(*places[:, :3].swapaxes(0, 1))[without]
    sequence = "".join(residue.letter for residue in residues)
    return backbone(places, sequence, tuple(residue.label for residue in residues), name, chain, symmetry)


def backbone_atoms(residues: Sequence[Residue]) -> Coordinates:
    """N, CA, C and O of each residue, NaN for a missing atom."""
    return np.stack([atom_places(residues, name) for name in BACKBONE], 1)


def dextro_labels(residues: Sequence[Residue]) -> list[str]:
    """The numbers of D-amino acids."""
    n, ca, c, beta = (atom_places(residues, name) for name in ("N", "CA", "C", "CB"))
    return [residues[index].label for index in np.flatnonzero(is_dextro(n, ca, c, beta)).tolist()]


# Backbones as PDB and mmCIF. Each item is a model of one file, with all its chains, and a line in the header names
# it.
#
# A file of one item has no MODEL records. Programs for viewing show models one after another (PyMOL: as states).

# Files of backbones: PDB and mmCIF, optionally gzipped, folders of them, and tables.
#
# The text of an item is that of `items.text`, or a reference to a file: `1abc.pdb:A` (a chain), `designs.pdb[3]`
# (item 3, counted from 0), `1abc.cif.gz:A:159/1c2d3e4f` (the piece of 159 residues whose sequence has this CRC-32, in
# hexadecimal digits). Paths in a table may be relative to the working directory or to the table.

PDB, CIF = (".pdb", ".ent"), (".cif", ".mmcif")
NOT_IN_HEADER = "sequence"
"""A column that the residues hold."""
COORDINATE_COLUMNS = 8
"""Characters of a coordinate in a PDB file."""
NUMBER_COLUMNS = 9999
"""Greatest residue number that fits into a PDB file."""
CIF_MARKS, CIF_UNKNOWN = ("'", '"', "#", "$", "_", "[", "]", ";"), (".", "?")
"""Starts of words, and whole words, that need quotes in mmCIF."""
ATOM_SITE = (
    "group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id",
    "label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy",
    "B_iso_or_equiv", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num",
)  # fmt: skip


def write(
    path: Path, items: Sequence[Backbone], names: Sequence[str], values: ItemTable, origin: Origin | None = None
) -> None:
    """Write all items to one .pdb, .ent, .cif or .mmcif file, optionally gzipped; coordinates in ångström."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if kind not in (*PDB, *CIF):
        raise ConfigError(f"Expected a file ending in {', '.join((*PDB, *CIF))}, got '{path}'. Choose one of them.")
    marks = [_mark(name, values, row, item.symmetry) for row, (name, item) in enumerate(zip(names, items, strict=True))]
    title = _title(origin)
    write_text(Path(path), pdb_lines(items, marks, title) if kind in PDB else cif_lines(items, marks, title))


def _title(origin: Origin | None) -> str:
    if origin is None:
        return ""
    by = f" by {origin.model}" if origin.model else ""
    return f"sciencegen {origin.verb}{by}" + ("" if origin.seed is None else f", seed {origin.seed}")


def _mark(name: str, values: ItemTable, row: int, symmetry: str) -> str:
    """The name of an item, its symmetry and its numbers, as words of one line."""
    told = ((column, cells[row]) for column, cells in values.items() if column != NOT_IN_HEADER)
    present = {column: cell for column, cell in told if not is_missing(cell)}
    present |= {SYMMETRY: symmetry} if symmetry else {}
    return " ".join([_word(name) or "item", *(f"{_word(column)}={_word(cell)}" for column, cell in present.items())])


def _word(cell: Cell) -> str:
    text = number_text(cell) if isinstance(cell, float) else str(cell)
    return "_".join(text.replace("'", "").split())


def pdb_lines(items: Sequence[Backbone], marks: Sequence[str], title: str = "") -> Iterator[str]:
    """The text of a PDB file in parts: header, then each item."""
    yield "EXPDTA    THEORETICAL MODEL\n" if title else ""
    yield f"TITLE     {title}\n" if title else ""
    yield from (f"{ITEM_MARK}{mark}\n" for mark in marks)
    for number, item in enumerate(items, 1):
        body = ""
        for one in chains_of(replace(item, chain=item.chain[:1])):
            residues = one.coordinates.astype(float).tolist()
            body += "".join(pdb_chain(one, (zip(BACKBONE, places, strict=True) for places in residues)))
        yield body if len(items) == 1 else f"MODEL     {number:>4}\n{body}ENDMDL\n"
    yield "END\n"


def chains_of(item: Backbone) -> list[Backbone]:
    """Each chain of an assembly as an item of its own; the item itself if it has no symmetry."""
    names = chain_names(item.chain, len(item.copies))
    return [replace(item, coordinates=one, chain=name) for one, name in zip(item.copies, names, strict=True)]


def pdb_chain(item: Backbone, residues: Iterable[Iterable[tuple[str, Sequence[float]]]]) -> Iterator[str]:
    """The lines of a chain with these atoms of its residues, by their names."""
    chain, serial = item.chain[:1], 0
    for label, letter, atoms in zip(pdb_numbers(item), item.sequence, residues, strict=True):
        number, insertion = split_label(label)
        for atom, (x, y, z) in atoms:
            serial += 1
            yield (
                f"ATOM  {serial:>5}  {atom:<3} {name_of(letter)} {chain}{number:>4}{insertion:1}   "
                f"{_columns(x)}{_columns(y)}{_columns(z)}  1.00  0.00           {atom[0]}\n"
            )
    last = pdb_numbers(item)[-1]
    number, insertion = split_label(last)
    yield f"TER   {serial + 1:>5}      {name_of(item.sequence[-1])} {chain}{number:>4}{insertion:1}\n"


def _columns(coordinate: float) -> str:
    """Eight characters, with three decimals where these fit."""
    return next(text for digits in (3, 2, 1, 0) if len(text := f"{coordinate:8.{digits}f}") == COORDINATE_COLUMNS)


def pdb_numbers(item: Backbone) -> Sequence[str]:
    """The item's numbers, or 1 to N where these don't fit into the columns."""
    fit = all(-999 <= split_label(label)[0] <= NUMBER_COLUMNS for label in item.numbers)
    return item.numbers if fit else [str(number) for number in range(1, len(item) + 1)]


def cif_lines(items: Sequence[Backbone], marks: Sequence[str], title: str = "") -> Iterator[str]:
    """The text of an mmCIF file in parts: header, then each item."""
    yield "data_backbones\n#\n"
    yield f"_struct.entry_id backbones\n_struct.title '{_word(title).replace('_', ' ')}'\n#\n" if title else ""
    yield "loop_\n_sciencegen_item.model_num\n_sciencegen_item.description\n" if marks else ""
    yield from (f"{number}\n'{CIF_MARK}{mark}'\n" for number, mark in enumerate(marks, 1))
    yield "#\nloop_\n" + "".join(f"_atom_site.{name}\n" for name in ATOM_SITE) if items else ""
    serial = 0
    for model, item in enumerate(items, 1):
        for one in chains_of(item):
            yield "".join(_cif_atoms(one, model, serial))
            serial += len(BACKBONE) * len(one)
    yield "#\n"


def _cif_atoms(item: Backbone, model: int, serial: int) -> Iterator[str]:
    chain = _cif_word(item.chain)
    for place, (label, letter) in enumerate(zip(item.numbers, item.sequence, strict=True)):
        number, insertion = split_label(label)
        for atom, (x, y, z) in zip(BACKBONE, item.coordinates[place].astype(np.float64).tolist(), strict=True):
            serial += 1
            yield (
                f"ATOM {serial} {atom[0]} {atom} . {name_of(letter)} {chain} 1 {place + 1} {insertion or '?'} "
                f"{x:.3f} {y:.3f} {z:.3f} 1.00 0.00 {number} {chain} {model}\n"
            )


def _cif_word(word: str) -> str:
    """A word of an mmCIF file, in quotes where it would mean something else there."""
    if not word.startswith(CIF_MARKS) and word not in CIF_UNKNOWN:
        return word
    return f'"{word}"' if "'" in word else f"'{word}'"


def split_label(label: str) -> tuple[int, str]:
    """The number and the insertion code of "52A"."""
    digits = label.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return int(digits), label[len(digits) :]


@cache
def name_of(letter: str) -> str:
    """The three-letter name of a residue; UNK for an unknown one."""
    from Bio.Data.PDBData import protein_letters_1to3

    return "UNK" if letter == UNKNOWN else protein_letters_1to3[letter].upper()


ITEM_COLUMNS = ("item", "backbone", "structure", "file", "path")
FORMATS = (*STRUCTURE_FORMATS, *READ_TABLES)
LONGEST_REFERENCE = 4096
_REFERENCE = re.compile(
    r"(?P<path>.+?)(\[(?P<number>\d{1,7})\]|:(?P<chain>[^:\[\]/\\]{1,8})(:(?P<length>\d{1,5})/(?P<crc>[0-9a-f]{8}))?)?"
)


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a file or a folder; pieces of chains that are no items give rows that `parse` refuses."""
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    kind = path.name.lower()
    if kind.endswith(READ_TABLES):
        return (replace(row, text=_beside(row.text, path)) for row in read_table(path, ITEM_COLUMNS, column))
    if not kind.endswith(STRUCTURE_FORMATS):
        raise ConfigError(
            f"Expected a file of structures ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it."
        )
    pieces = read_backbones(path)
    if pieces[0].unread:
        warnings.warn(f"{path} holds {pieces[0].unread + 1} models of an experiment: the first is read", stacklevel=1)
    return iter([_row(number, piece) for number, piece in enumerate(pieces, 1)])


def _read_folder(folder: Path) -> Iterator[Row]:
    files = [one for one in sorted(folder.iterdir()) if one.name.lower().endswith(STRUCTURE_FORMATS)]
    if not files:
        raise DataError(f"Expected files of structures ({', '.join(STRUCTURE_FORMATS)}) in {folder}, found none.")
    return (replace(row, line=number) for number, row in enumerate(_rows_of(files), 1))


def _rows_of(files: Sequence[Path]) -> Iterator[Row]:
    """The rows of each file; a file that can't be read is one row, with the reason. A name that an earlier file has
    begins with the file's."""
    known, first = dict[str, Path](), list[Path]()
    for file in files:
        try:
            pieces = read_backbones(file)
        except SciencegenError as error:
            yield Row(1, f"{UNREADABLE} {error}", id=file.name)
        except OSError as error:  # a link to nothing or to itself, no permission
            yield Row(1, f"{UNREADABLE} {file} can't be opened: {error.strerror}", id=file.name)
        else:
            first += [file] if any(piece.unread for piece in pieces) else []
            for number, piece in enumerate(pieces, 1):
                again = known.setdefault(piece.name, file) != file
                yield _row(number, replace(piece, name=f"{stem_of(file)}_{piece.name}") if again else piece)
    if first:
        told = f"{len(first)} files hold several models of an experiment, such as {first[0]}: the first is read"
        warnings.warn(told, stacklevel=1)


def _row(number: int, piece: ChainPiece) -> Row:
    item = piece.item
    line = f"{UNREADABLE} {piece.name}: {item.reason}" if isinstance(item, Refusal) else text(item)
    return Row(number, line, piece.values, piece.name)


def _beside(reference: str, table: Path) -> str:
    """A reference unchanged if its file exists, else from the folder of the table that contains it."""
    if reference.startswith((PREFIX, UNREADABLE)) or not (found := _REFERENCE.fullmatch(reference)):
        return reference
    path = Path(found["path"])
    place = referred_place(path, table, _is_file)
    return reference if place == path else f"{place}{reference[len(found['path']) :]}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or that has a NUL
        return False


def parse(line: str) -> Backbone | Refusal:
    """The item of a text or of a reference, or a Refusal with the reason."""
    if not isinstance(line, str) or not line.strip():
        return Refusal("empty")
    line = line.strip()
    if line.startswith(UNREADABLE):
        return Refusal(line.removeprefix(UNREADABLE).strip() or "unreadable")
    if line.startswith(PREFIX):
        return parse_text(line)
    found = referred(line)
    if found is None:
        return Refusal("neither a backbone's text nor a structure file, such as 1abc.pdb:A")
    if not _is_file(Path(found["path"])):
        return Refusal(f"there is no file {found['path']}")
    try:
        pieces = _pieces(found["path"], version_of(found["path"]), found["chain"], bool(found["crc"]))
    except SciencegenError as error:
        return Refusal(str(error))
    return _chosen(pieces, found)


def is_text(line: str) -> bool:
    """Whether a text is that of a backbone, that of a row that could not be read, or a reference to a file."""
    return line.startswith((PREFIX, UNREADABLE)) or referred(line) is not None


def referred(line: str) -> re.Match[str] | None:
    """The parts of a reference to a structure file, None for another text."""
    found = _REFERENCE.fullmatch(line) if len(line) < LONGEST_REFERENCE and "\n" not in line else None
    return found if found is not None and found["path"].lower().endswith(STRUCTURE_FORMATS) else None


@lru_cache(maxsize=4)
def _pieces(path: str, changed: tuple[int, ...], chain: str | None, any_chain: bool) -> tuple[ChainPiece, ...]:
    return tuple(read_backbones(Path(path), None if any_chain else chain))


def _chosen(pieces: Sequence[ChainPiece], found: re.Match[str]) -> Backbone | Refusal:
    if found["crc"]:
        return _with_sequence(pieces, int(found["length"]), int(found["crc"], 16), found["chain"])
    if found["number"] is not None:
        number = int(found["number"])
        if number >= len(pieces):
            return Refusal(
                f"{found['path']} holds {len(pieces)} items: there is no number {number} (they count from 0)"
            )
        return pieces[number].item
    if len(pieces) != 1:
        names = ", ".join(piece.name for piece in pieces[:5])
        return Refusal(
            f"{found['path']} holds {len(pieces)} pieces of chains, not one: {names}; write which, as in [0]"
        )
    return pieces[0].item


def _with_sequence(pieces: Sequence[ChainPiece], length: int, crc: int, chain: str) -> Backbone | Refusal:
    """The stretch with this sequence, in the chain of this name if several have it."""
    items = [piece.item for piece in pieces if isinstance(piece.item, Backbone)]
    for item in sorted(items, key=lambda one: one.chain != chain):
        for start in range(len(item) - length + 1):
            stop = start + length
            if zlib.crc32(item.sequence[start:stop].encode()) == crc:
                part = slice(start, stop)
                return backbone(
                    item.coordinates[part], item.sequence[part], item.numbers[part],
                    f"{item.name.split('_')[0]}_{item.chain}", item.chain,
                )  # fmt: skip
    return Refusal(f"no unbroken piece of {length} residues has the sequence that the list names")


ITEMS = ItemIO(
    parse=parse,
    text=text,
    key=key,
    columns=ITEM_COLUMNS,
    formats=FORMATS,
    read=read,
    write=write,
    reads_folders=True,
)
SIDECAR = Sidecar(ending=".pdb", cell=lambda item: "", text_at=lambda path, number: f"{path}[{number}]")
"""A table of designs has their coordinates in a PDB file beside it."""


# Chains and structures of Biopython as backbones.


def backbone_text(given: object) -> str | None:
    """The text of a Chain, or of a Model or a Structure with one chain of amino acids; or of a `Backbone`."""
    if isinstance(given, Backbone):
        return text(given)
    chains = _chains(given)
    if chains is None:
        return None
    selected = {chain.id.strip() or "A": select_residues(chain) for chain in chains}
    found = {name: one for name, one in selected.items() if one.residues}
    item = _only(found)
    return f"{UNREADABLE} {item.reason}" if isinstance(item, Refusal) else text(item)


def is_backbone(given: Given) -> bool:
    """Whether it is the text of a backbone, a reference to one, or an object with coordinates."""
    return is_text(given) if isinstance(given, str) else isinstance(given, Backbone) or _chains(given) is not None


def _chains(given: object) -> list[Chain] | None:
    """The chains of an object of Biopython, of its first model; None for another object."""
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Model import Model
    from Bio.PDB.Structure import Structure

    if isinstance(given, Structure):
        given = next(iter(given), Model(0))
    return [given] if isinstance(given, Chain) else list(given) if isinstance(given, Model) else None


def _only(chains: dict[str, Selected]) -> Backbone | Refusal:
    if len(chains) != 1:
        named = f": {', '.join(chains)}" if chains else ""
        return Refusal(f"{len(chains)} chains of amino acids{named}; pass one chain, such as structure[0]['A']")
    [(name, selected)] = chains.items()
    return chain_item(selected.residues, name)


def structure_of(item: Backbone) -> Structure:
    """The item as a Structure with all its chains."""
    from Bio.PDB.PDBParser import PDBParser

    lines = "".join(pdb_lines([item], []))
    return PDBParser(QUIET=True).get_structure(item.name or "backbone", io.StringIO(lines))


OBJECTS = Objects(kinds="chains and structures of Biopython", text=backbone_text, of=structure_of)

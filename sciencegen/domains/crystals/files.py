"""Crystals in files: CIF, POSCAR, extended XYZ, tables and folders; and objects of ASE and pymatgen.

Reading has two steps, so that the slow one can run in killable workers: `read` streams rows whose text is one structure
of the file; `parse` makes the crystal, in a primitive cell of Niggli's form.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data.tables import READ_TABLES, read_lines, read_table
from sciencegen.data.writers import is_missing, number_text, write_table, write_text
from sciencegen.domains.base import LINES, ItemIO, ItemTable
from sciencegen.domains.capabilities import Objects
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.formats import (
    CLOSEST,
    LONGEST_LINE,
    LONGEST_TEXT,
    InCell,
    cif_text,
    comment_values,
    parse_cif,
    parse_poscar,
    parse_xyz,
    poscar_text,
    xyz_text,
)
from sciencegen.domains.crystals.geometry import (
    REDUCTION,
    average_distances,
    named_space_group,
    pair_distances,
    reduced,
    require,
    shortest_distance,
    symmetry_dataset,
)
from sciencegen.domains.crystals.items import PREFIX, Crystal, in_nanometres, parse_text, text
from sciencegen.domains.text_files import check_exists, ending, lines
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.items import REFUSED_ROW, Cell, Origin, Refusal, Row, number_of

if TYPE_CHECKING:
    from ase import Atoms

UNREADABLE = "unreadable:"
"""Start of the text of a row that holds no structure, before the reason."""
CIF = (".cif", ".cif.gz")
XYZ = (".extxyz", ".extxyz.gz", ".xyz", ".xyz.gz")
POSCAR = (".vasp", ".vasp.gz", ".poscar", ".contcar")
STRUCTURE_FORMATS = (*CIF, *XYZ, *POSCAR)
FORMATS = (*STRUCTURE_FORMATS, LINES, *READ_TABLES)
ITEM_COLUMNS = ("item", "crystal", "cif", "poscar", "structure")
OF_VASP = re.compile(r"(?:.*[._-])?(?:poscar|contcar)(?:[._-].*)?", re.IGNORECASE)
"""Names of files that VASP reads and writes, which have no ending."""
SPGLIB = "to reduce the cells of structures in files"
TAG = "_sciencegen_"
"""Start of the tags of numbers in a CIF that `write` wrote."""
BROAD = 0.05
"""Ångström: what the distances of a key are rounded to."""
IDEALIZED = (REDUCTION, 0.001)
"""Ångström, by which atoms may move onto their sites in a CIF with symmetry."""
NEAREST, SHELLS = 10, (16, 24, 32, 40, 50, 60, 72, 85, 100)
"""Neighbours whose mean distances make a key."""


def parse(line: str) -> Crystal | Refusal:
    """The item of a text of ours, which is taken as it stands, or of the text of a CIF, POSCAR or block of extended
    XYZ, in a primitive cell of Niggli's form."""
    if not isinstance(line, str) or not line.strip():
        return Refusal("empty")
    if line.startswith(PREFIX):
        return parse_text(line)
    if line.startswith(UNREADABLE):
        return Refusal(line.removeprefix(UNREADABLE).strip() or "unreadable")
    if line.startswith(REFUSED_ROW) and ("\n" not in line or line[len(REFUSED_ROW) :].startswith(("data_", PREFIX))):
        return Refusal(line.rpartition(": ")[2] or "left out")
    if len(line) > LONGEST_TEXT:
        return Refusal(f"{len(line)} characters; at most {LONGEST_TEXT} are accepted")
    if "\n" not in line.strip():
        return Refusal("not a crystal: its text, or that of a CIF, POSCAR or block of extended XYZ, is expected")
    return crystal_of(structure(line))


def structure(block: str) -> InCell | Refusal:
    """The atoms of a text in one of the formats, in its own cell."""
    if re.search(r"^\s*(data_|_cell[_.]length_a|loop_)", block, re.IGNORECASE | re.MULTILINE):
        return parse_cif(block)
    first, _, rest = block.lstrip("\n").partition("\n")
    if first.strip().isdecimal() and "=" in rest.partition("\n")[0]:
        return parse_xyz(block.strip("\n"))
    return parse_poscar(block)


def crystal_of(found: InCell | Refusal) -> Crystal | Refusal:
    """Atoms in any cell as an item; a Refusal for those that overlap."""
    if isinstance(found, Refusal):
        return found
    require("spglib", SPGLIB)
    if not len(found.numbers):
        return Refusal("no atoms")
    if not np.all(np.isfinite(found.lattice)) or not abs(np.linalg.det(found.lattice)) > 0.1 * len(found.numbers):
        return Refusal(f"a flat cell{in_nanometres(np.linalg.norm(found.lattice, axis=1))}")
    item = reduced(found.lattice, found.numbers, found.places)
    if isinstance(item, Crystal) and (closest := shortest_distance(item)) < CLOSEST:
        return Refusal(f"overlapping atoms: two are {closest:.2f} Å apart")
    return item


def key(item: Crystal) -> str:
    """The formula unit, the volume of an atom, and a checksum of mean distances to the first ten atoms of each element
    and to further neighbours. They depend on neither cell nor motion, and tell polytypes apart; mirror images are the
    same. Distances are rounded to 0.05 Å: relaxations of one crystal by different programs may have other keys."""
    means = [*pair_distances(item, NEAREST), *average_distances(item)[np.array(SHELLS) - 1]]
    steps = ",".join(str(round(value / BROAD)) for value in means)
    return f"{reduced_formula(item)} {item.volume / len(item):.1f} {zlib.crc32(steps.encode()):08x}"


# Reading.


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the structures of a file or a folder of files; what can't be read gives rows that `parse` refuses."""
    path = Path(path)
    if path.is_dir():
        require("spglib", SPGLIB)
        return _read_folder(path)
    kind = _kind(path)
    if kind == LINES:
        return read_lines(path)
    if path.name.lower().endswith(READ_TABLES) or str(path) == "-":
        return (replace(row, text=_without_comments(row.text)) for row in read_table(path, ITEM_COLUMNS, column))
    if not kind:
        raise ConfigError(f"Expected a file of crystals ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it.")
    check_exists(path, "crystals")
    require("spglib", SPGLIB)
    return _read_cif(path) if kind == CIF else _read_xyz(path) if kind == XYZ else _read_poscar(path)


def _kind(path: Path) -> tuple[str, ...] | str:
    """The formats of a file by its name, "" for an unknown one."""
    found = ending(path, "")
    if found == LINES:
        return LINES
    known = next((formats for formats in (CIF, XYZ, POSCAR) if found in formats), "")
    return known or (POSCAR if OF_VASP.fullmatch(path.name) else "")


def _read_folder(folder: Path) -> Iterator[Row]:
    files = [one for one in sorted(folder.iterdir()) if _kind(one) and _kind(one) != LINES]
    if not files:
        raise DataError(f"Expected files of structures ({', '.join(STRUCTURE_FORMATS)}) in {folder}, found none.")
    return (replace(row, line=number) for number, row in enumerate(chain.from_iterable(map(_of_file, files)), 1))


def _of_file(path: Path) -> Iterator[Row]:
    """The rows of a file, which have its name; a file that can't be read is one row, with the reason."""
    stem = path.name.split(".")[0] or path.name
    try:
        first, *others = [*read(path)] or [Row(1, f"{UNREADABLE} no structure")]
    except (SciencegenError, OSError) as error:
        yield Row(1, f"{UNREADABLE} {error}", id=path.name)
        return
    yield replace(first, id=stem)
    yield from (replace(row, id=f"{stem}_{number}") for number, row in enumerate(others, 2))


def _without_comments(block: str) -> str:
    """A CIF without the comments before its data block."""
    while block.startswith("#") and "\n" in block:
        block = block.partition("\n")[2].lstrip()
    return block


def _read_cif(path: Path) -> Iterator[Row]:
    """The data blocks of a file. Texts between semicolons, such as abstracts and reflections, are left out."""
    start, block, size = 1, list[str](), 0
    for number, line in _without_texts(lines(path, LONGEST_LINE)):
        if line.lower().startswith("data_") and any(map(_is_told, block)):
            yield _cif_row(start, block, size, path)
            block, size = [], 0
        start = start if block else number
        size += len(line) + 1
        if size <= LONGEST_TEXT:
            block.append(line)
    if any(map(_is_told, block)) or start == 1:
        yield _cif_row(start, block, size, path)


def _without_texts(given: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines, where those of a text between semicolons are empty. One that has no end is lines as others: it
    must not hide the blocks that follow."""
    held: list[tuple[int, str]] = []
    for number, line in enumerate(given, 1):
        if line.startswith(";") and held:
            yield from ((held[0][0], ";"), *((at, "") for at, _ in held[1:]), (number, line))
            held = []
        elif line.startswith(";") or held:
            held.append((number, line))
        else:
            yield number, line
    yield from held


def _is_told(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _cif_row(start: int, block: list[str], size: int, path: Path) -> Row:
    told = next((at for at, line in enumerate(block) if _is_told(line)), None)
    if told is None or not block[told].lower().lstrip().startswith("data_"):
        return Row(start, f"{UNREADABLE} no data block (data_NAME)", id=path.name)
    name = block[told].split()[0][len("data_") :] or path.name
    if size > LONGEST_TEXT:
        return Row(start, f"{UNREADABLE} a data block of {size} characters; at most {LONGEST_TEXT}", id=name)
    told_values = (line.split()[:2] for line in block if line.startswith(TAG) and len(line.split()) == 2)
    found = {tag.removeprefix(TAG): number_of(value) for tag, value in told_values}
    values = {tag: value for tag, value in found.items() if value is not None}
    return Row(start + told, "\n".join(block[told:]), values, name)


def _read_xyz(path: Path) -> Iterator[Row]:
    """Blocks of a number of atoms, a comment, and a line for each atom; after an invalid number, skip to the next."""
    given = _Reader(lines(path, LONGEST_LINE))
    lost = False
    while (line := given.take()) is not None:
        number = given.number
        if line.strip().isdecimal() and len(line.strip()) < 6:
            lost = False
            block = [line, *given.block(int(line))]
            told = comment_values(block[1]) if len(block) > 1 else {}
            found = {name: number_of(value) for name, value in told.items() if name.lower() not in ("lattice", "pbc")}
            values = {name: value for name, value in found.items() if value is not None}
            joined = "\n".join(block) if len(block) > 1 else f"{UNREADABLE} it ends after {line.strip()[:20]}"
            yield Row(number, joined, values, told.get("name", ""))
        elif line.strip() and not lost:
            lost = True
            yield Row(number, f"{UNREADABLE} expected a number of atoms, found '{line.strip()[:40]}'")


class _Reader:
    """Lines of extended XYZ, one of which can be put back. number: that of the last line."""

    def __init__(self, given: Iterator[str]) -> None:
        self._given, self._back, self.number = given, list[str](), 0

    def take(self) -> str | None:
        self.number += 1
        return self._back.pop() if self._back else next(self._given, None)

    def _peek(self) -> str | None:
        if not self._back and (line := next(self._given, None)) is not None:
            self._back.append(line)
        return self._back[-1] if self._back else None

    def block(self, atoms: int) -> list[str]:
        """A comment and so many lines, fewer where another block begins."""
        found: list[str] = []
        while len(found) < 1 + atoms and (line := self.take()) is not None:
            if line.strip().isdecimal() and "Lattice=" in (self._peek() or ""):
                self._back.append(line)
                self.number -= 1
                break
            found.append(line)
        return found


def _read_poscar(path: Path) -> Iterator[Row]:
    """The structures of a file, one after the other; velocities and what else follows places is left out."""
    given = list(islice(lines(path, LONGEST_LINE), 1 << 22))
    at = 0
    while at < len(given):
        following = next((line for line in range(at + 1, len(given)) if _begins_poscar(given, line)), len(given))
        stop = min(following, _end_of_poscar(given, at))
        name = " ".join(given[at].split())[:80]
        yield Row(at + 1, "\n".join(["POSCAR" if not name else given[at], *given[at + 1 : stop]]), id=name or path.stem)
        strange = next((line for line in range(stop, following) if not _may_follow(given[line])), None)
        if strange is not None and stop < following:
            yield Row(strange + 1, f"{UNREADABLE} neither a POSCAR nor velocities: '{given[strange].strip()[:40]}'")
        at = following


def _may_follow(line: str) -> bool:
    """Whether a line can stand after the places: an empty one, numbers, or the head of velocities."""
    head = line.strip()[:1].lower() in ("d", "c", "k", "l") and line.strip().replace(" ", "").isalpha()
    return head or all(number_of(word) is not None for word in line.split())


def _end_of_poscar(given: Sequence[str], at: int) -> int:
    """The line after the last place; the end of the file if that isn't clear."""
    head = given[at : at + 10]
    counts = next(
        (line for line in range(5, min(7, len(head))) if head[line].split() and head[line].split()[0].isdecimal()), None
    )
    if counts is None:
        return len(given)
    words = [word for word in head[counts].split() if word.isdecimal() and len(word) < 6]
    selective = len(head) > counts + 1 and head[counts + 1].strip()[:1].lower() == "s"
    return min(len(given), at + counts + 2 + selective + sum(map(int, words)))


def _begins_poscar(given: Sequence[str], at: int) -> bool:
    """Whether a scale, three rows of three numbers, and elements or numbers of atoms follow a line."""
    rows = [line.split() for line in given[at + 1 : at + 5]]
    if [len(row) for row in rows] != [1, 3, 3, 3] or at + 6 >= len(given):
        return False
    if not all(number_of(word) is not None for row in rows for word in row):
        return False
    sixth = given[at + 5].split()
    return bool(sixth) and (sixth[0].isdecimal() or sixth[0][:1].isalpha())


# Writing.


def write(
    path: Path, items: Sequence[Crystal], names: Sequence[str], values: ItemTable, origin: Origin | None = None
) -> None:
    """Write all items to one file: CIF and extended XYZ with names and numbers, POSCARs one after the other, lines of
    text, or a table."""
    path, kind = Path(path), _kind(Path(path))
    if kind == LINES:
        return write_text(path, (f"{text(item)}\n" for item in items))
    if not kind:
        return write_table(path, {"item": [text(item) for item in items], "id": list(names), **values})
    rows = [{name: cells[row] for name, cells in values.items()} for row in range(len(items))]
    triples = zip(items, [_word(name) or f"crystal_{at}" for at, name in enumerate(names, 1)], rows, strict=True)
    if kind == CIF:
        by = f" by {origin.model}" if origin is not None and origin.model else ""
        told = f"# sciencegen {origin.verb}{by}\n" if origin is not None and items else ""
        blocks: Iterable[str] = (_cif_block(item, name, _numbers(row)) for item, name, row in triples)
        return write_text(path, chain([told], blocks))
    if kind == POSCAR:
        return write_text(path, (poscar_text(item, name) for item, name, _ in triples))
    pairs = (
        (item, " ".join([f"name={name}", *(f"{k}={v}" for k, v in _numbers(row).items())]))
        for item, name, row in triples
    )
    return write_text(path, (xyz_text(item, told) for item, told in pairs))


def _cif_block(item: Crystal, name: str, values: Mapping[str, str]) -> str:
    """With the symmetry within the first tolerance that gives an equal item when it is read again; else in P 1."""
    for tolerance in IDEALIZED:
        symmetry = symmetry_dataset(item, tolerance)
        if symmetry is not None and symmetry.number > 1:
            block = cif_text(item, name, values, symmetry)
            again = parse(block)
            if isinstance(again, Crystal) and key(again) == key(item):
                return block
    return cif_text(item, name, values)


def _numbers(row: dict[str, Cell]) -> dict[str, str]:
    present = ((name, cell) for name, cell in row.items() if not is_missing(cell))
    return {_word(name): _word(cell) for name, cell in present if _word(cell)}


def _word(cell: Cell) -> str:
    told = number_text(cell) if isinstance(cell, float) else str(cell)
    return re.sub(r"[^\w.+:/-]+", "_", told, flags=re.ASCII).strip("_")[:80]


ITEMS = ItemIO(
    parse=parse, text=text, key=key, columns=ITEM_COLUMNS, formats=FORMATS, read=read, write=write, reads_folders=True,
    readable={"formula": reduced_formula, "space_group_symbol": lambda item: named_space_group(item)[1]},
)  # fmt: skip


# Objects of ASE and pymatgen.


def object_text(given: object) -> str | None:
    """The text of an Atoms or a Structure, or of a `Crystal`."""
    if isinstance(given, Crystal):
        return text(given)
    module = type(given).__module__.partition(".")[0]
    if module not in ("ase", "pymatgen"):
        return None
    found = _of_atoms(given) if module == "ase" else _of_structure(given)
    if found is None:
        return None
    item = crystal_of(found)
    return f"{UNREADABLE} {item.reason}" if isinstance(item, Refusal) else text(item)


def _of_atoms(given: object) -> InCell | Refusal | None:
    from ase import Atoms

    if not isinstance(given, Atoms):
        return None
    if not given.pbc.all():
        return Refusal("not periodic in three directions")
    if abs(given.cell.volume) < 1e-6 or not len(given):
        return Refusal("no cell" if len(given) else "no atoms")
    return InCell(given.cell.array, given.numbers.astype(np.int64), given.get_scaled_positions(wrap=False))


def _of_structure(given: object) -> InCell | Refusal | None:
    from pymatgen.core import IStructure

    if not isinstance(given, IStructure):
        return None
    if not given.is_ordered:
        return Refusal("partly occupied")
    if not len(given):
        return Refusal("no atoms")
    numbers = np.array([site.specie.Z for site in given], np.int64)
    return InCell(given.lattice.matrix, numbers, given.frac_coords)


def atoms_of(item: Crystal) -> Atoms:
    """The item as an Atoms of ASE."""
    require("ase", "for objects of crystals")
    from ase import Atoms

    return Atoms(numbers=item.numbers, scaled_positions=item.places, cell=item.lattice, pbc=True)


OBJECTS = Objects(kinds="Atoms of ASE and Structures of pymatgen", text=object_text, of=atoms_of)

"""Files of backbones: PDB and mmCIF, optionally gzipped, folders of them, and tables.

The text of an item is that of `items.text`, or a reference to a file: `1abc.pdb:A` (a chain), `designs.pdb[3]` (item 3,
counted from 0), `1abc.cif.gz:A:159/1c2d3e4f` (the piece of 159 residues whose sequence has this CRC-32, in hexadecimal
digits). Paths in a table may be relative to the working directory or to the table.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sciencegen.data.referred_files import referred_place
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.domains.base import ItemIO
from sciencegen.domains.capabilities import Sidecar
from sciencegen.domains.proteins.backbones.items import PREFIX, UNREADABLE, Backbone, backbone, key, parse_text, text
from sciencegen.domains.proteins.backbones.reading import Piece, read_backbones
from sciencegen.domains.proteins.backbones.writing import write
from sciencegen.domains.proteins.structure_sequences import STRUCTURE_FORMATS
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.files import version_of
from sciencegen.items import Refusal, Row

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
    return iter([_row(number, piece) for number, piece in enumerate(read_backbones(path), 1)])


def _read_folder(folder: Path) -> Iterator[Row]:
    files = [one for one in sorted(folder.iterdir()) if one.name.lower().endswith(STRUCTURE_FORMATS)]
    if not files:
        raise DataError(f"Expected files of structures ({', '.join(STRUCTURE_FORMATS)}) in {folder}, found none.")
    return (replace(row, line=number) for number, row in enumerate(_rows_of(files), 1))


def _rows_of(files: Sequence[Path]) -> Iterator[Row]:
    """The rows of each file; a file that can't be read is one row, with the reason."""
    for file in files:
        try:
            yield from [_row(number, piece) for number, piece in enumerate(read_backbones(file), 1)]
        except SciencegenError as error:
            yield Row(1, f"{UNREADABLE} {error}", id=file.name)
        except OSError as error:  # a link to nothing or to itself, no permission
            yield Row(1, f"{UNREADABLE} {file} can't be opened: {error.strerror}", id=file.name)


def _row(number: int, piece: Piece) -> Row:
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
    found = _referred(line)
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
    return line.startswith((PREFIX, UNREADABLE)) or _referred(line) is not None


def _referred(line: str) -> re.Match[str] | None:
    """The parts of a reference to a structure file, None for another text."""
    found = _REFERENCE.fullmatch(line) if len(line) < LONGEST_REFERENCE and "\n" not in line else None
    return found if found is not None and found["path"].lower().endswith(STRUCTURE_FORMATS) else None


@lru_cache(maxsize=4)
def _pieces(path: str, changed: tuple[int, ...], chain: str | None, any_chain: bool) -> tuple[Piece, ...]:
    return tuple(read_backbones(Path(path), None if any_chain else chain))


def _chosen(pieces: Sequence[Piece], found: re.Match[str]) -> Backbone | Refusal:
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


def _with_sequence(pieces: Sequence[Piece], length: int, crc: int, chain: str) -> Backbone | Refusal:
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

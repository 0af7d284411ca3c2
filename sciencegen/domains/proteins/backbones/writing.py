"""Backbones as PDB and mmCIF. Each item is a model of one file, with all its chains, and a line in the header names it.

A file of one item has no MODEL records. Programs for viewing show models one after another (PyMOL: as states).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from sciencegen.data.writers import is_missing, number_text, write_text
from sciencegen.domains.base import ItemTable
from sciencegen.domains.proteins.backbones.assemblies import chain_names
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.reading import CIF_MARK, ITEM_MARK, SYMMETRY
from sciencegen.domains.proteins.residue_atoms import BACKBONE, UNKNOWN
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Origin

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
        body = "".join(line for one in chains_of(replace(item, chain=item.chain[:1])) for line in _pdb_atoms(one))
        yield body if len(items) == 1 else f"MODEL     {number:>4}\n{body}ENDMDL\n"
    yield "END\n"


def chains_of(item: Backbone) -> list[Backbone]:
    """Each chain of an assembly as an item of its own; the item itself if it has no symmetry."""
    names = chain_names(item.chain, len(item.copies))
    return [replace(item, coordinates=one, chain=name) for one, name in zip(item.copies, names, strict=True)]


def _pdb_atoms(item: Backbone) -> Iterator[str]:
    chain, serial = item.chain[:1], 0
    for label, letter, places in zip(pdb_numbers(item), item.sequence, item.coordinates.astype(float), strict=True):
        number, insertion = split_label(label)
        for atom, (x, y, z) in zip(BACKBONE, places.tolist(), strict=True):
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

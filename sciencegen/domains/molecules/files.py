"""Files of molecules: .smi and .sdf streamed record by record, tables through `data.tables`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise, takewhile
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.writers import is_missing, line_of, number_text, write_text
from sciencegen.domains import text_files
from sciencegen.domains.molecules.geometry import (
    ASKED,
    MAX_ATOMS,
    read_molfile,
    with_implicit_hydrogens,
    with_structure,
)
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, RECORD_ERROR, text
from sciencegen.domains.text_files import check_exists
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Origin, Refusal, Row, numbers_and_texts

ITEM_COLUMNS = ("item", "smiles", "canonical_smiles", "structure", "molecule", "mol")
FORMATS = (".smi", ".smi.gz", ".sdf", ".sdf.gz", *READ_TABLES)
MAX_RECORD_LINES = 20_000
SEVERAL = "several molecules in one record; a line $$$$ parts them"
MAX_RECORD_COLUMNS = 1000
MOST_VALUE_LINES = 2
"""Lines of a value that are read: with more than one it is no number."""


ending = partial(text_files.ending, pipe=".smi")
lines = partial(text_files.lines, longest=2_000_000)


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a file of molecules; unreadable molecules give rows too, which `parse` refuses."""
    path = Path(path)
    kind = ending(path)
    if kind not in FORMATS:
        raise ConfigError(
            f"Expected a file of molecules ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it."
        )
    if kind in READ_TABLES:
        return read_table(path, ITEM_COLUMNS, column)
    check_exists(path, "molecules")
    return _read_smi(path) if kind.startswith(".smi") else _read_sdf(path)


def _read_smi(path: Path) -> Iterator[Row]:
    """Rows from the first word of each line. A CXSMILES extension, which changes the molecule, is kept: `parse` refuses
    it."""
    for number, line in enumerate(lines(path), start=1):
        line = line.removeprefix("\ufeff") if number == 1 else line
        smiles, _, name = line.strip(" \t").replace("\t", " ").partition(" ")
        name = name.strip()
        extended = name.startswith("|")
        yield Row(number, f"{smiles} {name}" if extended else smiles, id="" if extended else name)


def _read_sdf(path: Path) -> Iterator[Row]:
    return (_sdf_row(number, record) for number, record in split_records(path))


def split_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number, lines) of each record of an .sdf file, with a limited number and length of lines.

    Records are split at "$$$$" here, so that a bad or huge record neither ends the reading nor is passed to RDKit.
    """
    number, any_line = 1, False
    record: list[str] = []
    for line in lines(path):
        if line.lstrip().startswith("$$$$"):
            yield number, record
            number, record, any_line = number + 1, [], False
            continue
        any_line = any_line or bool(line.strip())
        if len(record) <= MAX_RECORD_LINES:
            record.append(line[:MAX_RECORD_COLUMNS])
    if any_line:
        yield number, record


def fields(path: Path) -> Iterator[dict[str, str]] | None:
    """The name, the molfile block and the tags of each record of an .sdf file."""
    return map(_fields, _records(path)) if ending(path).startswith(".sdf") else None


def _records(path: Path) -> Iterator[list[str]]:
    """The lines of each record, without its end; they are not cut."""
    record: list[str] = []
    for line in lines(path):
        if line == "$$$$":
            yield record
            record = []
        else:
            record.append(line)
    if record:
        yield record


def _fields(record: Sequence[str]) -> dict[str, str]:
    starts = [at for at, line in enumerate(record) if line.startswith(">  <")]
    ends = [*starts, len(record)]
    tags = {record[start][4:].rstrip(">"): "\n".join(record[start + 1 : stop]) for start, stop in pairwise(ends)}
    return {"name": "\n".join(record[:1]), "molfile": "\n".join(record[1 : ends[0]]), **tags}


def structure_records(path: Path) -> tuple[str, Iterator[str]]:
    """The name of the format, and the molfile block of each molecule of an .sdf file; "" for one without 3D
    coordinates."""
    return "sdf", _molfile_blocks(path)


def _molfile_blocks(path: Path) -> Iterator[str]:
    for _, record in split_records(path):
        block = record[: record.index("M  END") + 1] if "M  END" in record else []
        flat = len(block) > 1 and block[1][20:22] != "3D"
        yield "" if flat else "\n".join(block)


def _sdf_row(number: int, record: Sequence[str]) -> Row:
    values, texts = sdf_values(record)
    if len(record) > MAX_RECORD_LINES:
        return Row(number, f"{RECORD_ERROR}record of more than {MAX_RECORD_LINES} lines", values)
    if holds_several(record):
        return Row(number, f"{RECORD_ERROR}{SEVERAL}", values)
    atoms = _declared_atoms(record)
    if atoms is not None and atoms > MAX_ATOMS:
        reason = f"record of {atoms} atoms; at most {MAX_HEAVY_ATOMS} heavy ones are accepted"
        return Row(number, f"{RECORD_ERROR}{reason}", values)
    molecule = read_molfile("\n".join(record))
    if isinstance(molecule, Refusal):
        return Row(number, f"{RECORD_ERROR}{molecule.reason}", values)
    return Row(number, Chem.MolToSmiles(molecule), values, record[0].strip() if record else "", texts)


def holds_several(record: Sequence[str]) -> bool:
    """Whether a record has the ends of several molecules: all but the first would be lost."""
    return sum(line.startswith("M  END") for line in record) > 1


def _declared_atoms(record: Sequence[str]) -> int | None:
    """Number of atoms in a molfile's counts line (V2000, or V3000's "M  V30 COUNTS")."""
    for line in record[3:10]:
        fields = line.split()
        if fields[:3] == ["M", "V30", "COUNTS"]:
            return int(fields[3]) if len(fields) > 3 and fields[3].isdecimal() else None
    count = record[3][:3].strip() if len(record) > 3 else ""
    return int(count) if count.isdecimal() else None


def sdf_values(record: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Numbers and other texts of SD tags: "> <logp>" and its value on the next lines, up to an empty one."""
    return numbers_and_texts(_tags(record))


def _tags(record: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, line in enumerate(record):
        if line.startswith(">") and "<" in line and ">" in line[1:]:
            value = takewhile(str.strip, record[at + 1 : at + 1 + MOST_VALUE_LINES])
            yield line[line.index("<") + 1 : line.rindex(">")], " ".join(value)


def write(
    path: Path, items: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write molecules as .smi (SMILES and name) or .sdf (3D structure, name, values as SD tags), optionally gzipped.
    Neither format stores `origin`."""
    kind = ending(path).removesuffix(".gz")
    if kind not in (".smi", ".sdf"):
        raise ConfigError(f"Expected a structure file ending in .smi or .sdf, got '{path}'. Choose one of the two.")
    smi = (line_of(text(molecule), name) for molecule, name in zip(items, names, strict=True))
    write_text(path, smi if kind == ".smi" else _sdf_records(items, names, values))


def _sdf_records(
    molecules: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Cell]]
) -> Iterator[str]:
    """The tag `smiles` is the requested molecule; `structure` says how the coordinates were made, or why they are flat;
    `stereocentres_chosen` is the number of stereocentres that the molecule doesn't specify, while the structure has one
    configuration of each."""
    for row, (molecule, name) in enumerate(zip(molecules, names, strict=True)):
        structure = with_structure(molecule)
        molecule = _asked(molecule)
        block = Chem.MolToMolBlock(structure.molecule, forceV3000=structure.molecule.GetNumAtoms() > 999)
        tags: dict[str, Cell] = {"smiles": text(molecule), "structure": structure.method}
        chosen = rdMolDescriptors.CalcNumUnspecifiedAtomStereoCenters(molecule)
        tags |= {"stereocentres_chosen": chosen} if chosen and structure.failure is None else {}
        tags |= {column: cells[row] for column, cells in values.items()}
        body = "".join(f">  <{tag}>\n{_one_line(value)}\n\n" for tag, value in tags.items() if not is_missing(value))
        yield f"{_one_line(name)}\n{block.split(chr(10), 1)[1]}{body}$$$$\n"


def _asked(molecule: Chem.Mol) -> Chem.Mol:
    """The molecule that a structure was made for, else the structure's own."""
    asked = Chem.MolFromSmiles(molecule.GetProp(ASKED)) if molecule.HasProp(ASKED) else None
    return asked or with_implicit_hydrogens(molecule)


def _one_line(value: Cell) -> str:
    return " ".join(number_text(value).split()) if isinstance(value, float) else " ".join(str(value).split())

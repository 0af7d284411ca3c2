"""Reads structure files of proteins, PDB and mmCIF, optionally gzipped, by Biopython, and reports their faults."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.data.damage import open_binary, reading
from sciencegen.errors import DataError
from sciencegen.files import found_at

STRUCTURE_ENDINGS = (".pdb", ".ent", ".cif", ".mmcif")
MOST_BYTES = 1 << 28
"""Maximum size of an unpacked file; the largest entries of the Protein Data Bank are close to it."""
END_OF_COORDINATES = 54
"""Last column of the coordinates in a line of a PDB file."""
END_OF_OCCUPANCY = 60
LOCATION = 16
"""Column, from 0, of the letter of an alternate location."""
ATOM_RECORDS = ("ATOM  ", "HETATM")
_PDB_START = re.compile(
    r"(HEADER|OBSLTE|TITLE|COMPND|SOURCE|KEYWDS|EXPDTA|NUMMDL|MDLTYP|AUTHOR|REVDAT|REMARK|DBREF|SEQADV|SEQRES|MODRES|"
    r"HET|HELIX|SHEET|SSBOND|LINK|CISPEP|SITE|CRYST1|ORIGX|SCALE|MTRIX|MODEL|ATOM|HETATM|ANISOU|TER|PARENT|SPLIT|CAVEAT)"
)


@dataclass(frozen=True)
class Parsed:
    """structure: of Biopython. mended: Biopython's warnings about faults that it ignored. ended: whether a PDB file has
    an END or TER; one without may be truncated between two lines."""

    structure: Any
    mended: list[str]
    ended: bool


def read_structure_file(path: str | Path) -> Parsed:
    """Read a structure file, whose format is determined by its content, not by its name."""
    path = Path(path)
    text = _text(path)
    is_cif = _is_cif(text, path)
    if not is_cif:
        _check_lines(text, path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structure = _parse_cif(text, path) if is_cif else _parse_pdb(text, path)
    if not len(structure):
        raise DataError(f"Expected atoms in {path}, found a file of a structure without any.")
    messages = (" ".join(str(one.message).split()) for one in caught)
    mended = list(dict.fromkeys(one for one in messages if not one.startswith("Ignoring unrecognized record")))
    ended = is_cif or any(line.startswith(("END", "TER")) for line in text.rstrip().splitlines()[-3:])
    return Parsed(structure, mended, ended)


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"Expected a structure at {path}, found {found_at(path)}.")
    with open_binary(path) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(f"Expected at most {MOST_BYTES >> 20} MiB in {path}, found more. Cut it to the chain you need.")
    if b"\0" in data:
        raise DataError(f"Expected a PDB or mmCIF text in {path}, found a binary file. Convert it to mmCIF.")
    text = data.decode("utf-8-sig", "replace")
    if not text.strip():
        raise DataError(f"Expected a structure in {path}, found an empty file.")
    return text


def _is_cif(text: str, path: Path) -> bool:
    first = next(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if first.lstrip().lower().startswith("data_"):
        return True
    if _PDB_START.match(first) or any(line.startswith(ATOM_RECORDS) for line in text.splitlines()):
        return False
    raise DataError(
        f"Expected a structure in PDB or mmCIF format in {path}, found a text that starts with {first[:20]!a}. "
        "Convert it."
    )


def _check_lines(text: str, path: Path) -> None:
    """Raise a DataError unless each atom's line is complete up to its coordinates."""
    atoms = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(ATOM_RECORDS):
            atoms += 1
            if len(line.rstrip()) < END_OF_COORDINATES:
                raise DataError(
                    f"Expected coordinates up to column {END_OF_COORDINATES} of line {number} of {path}, found "
                    f"{line.rstrip()[:60]!a}: the file is cut short or isn't in PDB format. Get it again."
                )
    if not atoms:
        raise DataError(f"Expected ATOM records in {path}, found none: only a header, or the file is cut short.")


def _parse_pdb(text: str, path: Path) -> Any:
    from Bio.PDB.PDBParser import PDBParser

    with reading("a PDB file", path):
        whole = "".join(map(_with_occupancy, text.splitlines(keepends=True)))
        return PDBParser(PERMISSIVE=True, QUIET=False).get_structure(path.name, io.StringIO(whole))


def _with_occupancy(line: str) -> str:
    """An atom's line with occupancy 0 if it has an alternate location without one, which Biopython can't compare."""
    alone = line[LOCATION : LOCATION + 1].isspace() or not line.startswith(ATOM_RECORDS)
    if alone or line[END_OF_COORDINATES:END_OF_OCCUPANCY].strip():
        return line
    return f"{line[:END_OF_COORDINATES]}  0.00{line[END_OF_OCCUPANCY:].rstrip()}\n"


def _parse_cif(text: str, path: Path) -> Any:
    from Bio.PDB.MMCIFParser import MMCIFParser

    parser = MMCIFParser(QUIET=False)
    with reading("an mmCIF file", path):
        try:
            structure = parser.get_structure(path.name, io.StringIO(text))
        except KeyError as error:
            raise DataError(
                f"Expected atoms (_atom_site) in {path}, found no {error.args[0]}: the file is cut short, or it holds "
                "no coordinates. Get it again."
            ) from error
        _check_columns(parser._mmcif_dict, path)
        _check_models([model.serial_num for model in structure], path)
    return structure


def _check_models(numbers: list[int], path: Path) -> None:
    """Raise a DataError if atoms of a model follow those of another one: the first model would lack them."""
    again = next((number for number in numbers if numbers.count(number) > 1), None)
    if again is not None:
        raise DataError(
            f"Expected the atoms of each model together in {path}, found those of model {again} at several places: the "
            "file is damaged. Get it again."
        )


def _check_columns(columns: dict[str, Any], path: Path) -> None:
    """Raise a DataError if the table of atoms is truncated: a reader that zips its columns silently drops rows."""
    lengths = {len(value) for name, value in columns.items() if name.startswith("_atom_site.")}
    if len(lengths) > 1:
        raise DataError(f"Expected whole rows of atoms in {path}, found the last one cut short. Get the file again.")

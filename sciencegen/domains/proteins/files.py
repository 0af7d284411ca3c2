"""Files of proteins: FASTA and one sequence per line, streamed; tables through `data.tables`; chains of structures.

Values of a record are read from and written to the FASTA header as `key=number`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sciencegen.data.tables import READ_TABLES, NoItemColumn, read_table
from sciencegen.data.writers import is_missing, line_of, number_text, write_text
from sciencegen.domains import text_files
from sciencegen.domains.base import ItemIO, ItemTable
from sciencegen.domains.proteins.backbones.files import item_marks, read_backbones
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.items import MAX_RESIDUES, key, parse, taxon, text
from sciencegen.domains.proteins.residues import UNKNOWN
from sciencegen.domains.proteins.structures import (
    STRUCTURE_FORMATS,
    ProteinChain,
    read_chains,
    read_named_chains,
    read_structure,
)
from sciencegen.domains.proteins.variants import Reference
from sciencegen.domains.text_files import check_exists
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import VARIANT_COLUMNS, Cell, Origin, Row, numbers_and_texts

# Sequences from structure files: the protein chains of a file as rows, or one of them as a wild type.

REMEDY = "Pass the sequence itself, or its FASTA file."


def chain_rows(path: Path) -> Iterator[Row]:
    """A row for each protein chain, such as `1abc_A` of `1abc.pdb`. Residues without coordinates are 'X', which `parse`
    refuses: a sequence without them would be another protein's. A file of designs has a row for each."""
    if item_marks(path):
        designs = enumerate(read_backbones(path), start=1)
        found = ((at, one.name, one.item) for at, one in designs)
        return (Row(at, item.sequence if isinstance(item, Backbone) else "", id=name) for at, name, item in found)
    chains = read_named_chains(path).items()
    return (Row(at, one.whole_sequence, id=name) for at, (name, one) in enumerate(chains, start=1))


def split_chain(source: str) -> tuple[Path, str | None] | None:
    """The file and the chain of `1abc.pdb` or `1abc.pdb:A`; None if it isn't a structure file."""
    name, colon, chain = source.rpartition(":")
    for path, asked in ((source, None), (name, chain)) if colon else ((source, None),):
        if path.lower().endswith(STRUCTURE_FORMATS) and Path(path).is_file():
            return Path(path), asked
    return None


def named_chain(source: str) -> ProteinChain:
    """The chain of `1abc.pdb:A`, or the first one of `1abc.pdb`; a ConfigError if it isn't a structure file."""
    place = split_chain(source)
    if place is None:
        raise ConfigError(f"Expected a structure file (.pdb, .cif), got '{source}', which is none. Correct its path.")
    return read_structure(*place)


def chain_reference(path: Path, chain: str | None) -> Reference:
    """A chain as a wild type, with the file's numbering.

    Raises a DataError if chains differ and none is named, if residues are missing or unknown, or if numbers jump.
    """
    if chain is None:
        chains = read_chains(path)
        if len({one.whole_sequence for one in chains}) > 1:
            names = ", ".join(f"{one.report.chain} ({len(one.residues)} residues)" for one in chains)
            raise DataError(
                f"Expected the name of a chain, found several that differ in {path}: {names}. "
                f"Write {path}:{chains[0].report.chain}."
            )
    found = read_structure(path, chain)
    if UNKNOWN in found.whole_sequence:
        gaps = "; ".join(map(str, found.gaps[:3])) or "residues that are none of the 20"
        raise DataError(f"Expected a whole chain as the wild type in {path}, found gaps: {gaps}. {REMEDY}")
    numbers = [residue.number for residue in found.residues]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise DataError(f"Expected numbers that go up by one in {path}, found {found.labels[0]} to {found.labels[-1]} "
                        f"for {len(numbers)} residues. {REMEDY}")  # fmt: skip
    return Reference(found.sequence, numbers[0])


ITEM_COLUMNS = ("item", "sequence", "seq", "protein", "mutated_sequence")
FASTA = (".fasta", ".fa", ".faa")
FORMATS = (*FASTA, *(f"{ending}.gz" for ending in FASTA), *READ_TABLES, ".txt", ".txt.gz", *STRUCTURE_FORMATS)
LONGEST_TEXT = 2 * MAX_RESIDUES
"""Maximum number of letters that are read of a record; longer ones are refused anyway."""
LETTERS_A_LINE = 60
NOT_MEASURED = frozenset({"OS", "OX", "GN", "PE", "SV", "n", "Tax", "TaxID", "RepID"})
"""Keys that UniProt and UniRef write in headers, for taxa and versions: they aren't measured values."""


ending = partial(text_files.ending, pipe=FASTA[0])
lines = partial(text_files.lines, longest=1 << 20, mark=True)


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a file of proteins; invalid sequences give rows too, which `parse` refuses."""
    kind = ending(path)
    if kind not in FORMATS:
        raise ConfigError(f"Expected a file of proteins ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it.")
    if kind in READ_TABLES:
        return _read_table(path, column)
    check_exists(path, "proteins")
    if kind.startswith(".txt"):
        return _read_lines(path)
    if kind in STRUCTURE_FORMATS:
        return chain_rows(path)
    _check_is_fasta(path)
    return read_fasta(path)


def _read_table(path: Path, column: str | None) -> Iterator[Row]:
    try:
        return read_table(path, ITEM_COLUMNS, column)
    except NoItemColumn as error:
        named = next((name for name in error.columns if name.strip().lower() in VARIANT_COLUMNS), None)
        if named is None or column is not None:
            raise
        raise DataError(
            f"Expected sequences (column {' or '.join(ITEM_COLUMNS)}) in {path}, found variants by name ('{named}'). "
            "Pass `wild_type`, what they are named against: a sequence or its file."
        ) from None


def _check_is_fasta(path: Path) -> None:
    if str(path) == "-":
        return
    first = next((line for line in lines(path) if line.strip()), None)
    if first is None:
        raise DataError(f"Expected proteins in {path}, found only blank lines.")
    if not first.startswith(">"):
        raise DataError(
            f"Expected FASTA in {path}, whose records start with '>', found {first[:40]!a}. "
            "Name it .txt if it holds one sequence a line, .csv if it is a table (of a pipe: `format` .csv)."
        )


def _read_lines(path: Path) -> Iterator[Row]:
    """One sequence per line, optionally followed by a blank and a name."""
    for number, line in enumerate(lines(path), start=1):
        sequence, _, name = line.strip().replace("\t", " ").partition(" ")
        yield Row(number, sequence[:LONGEST_TEXT], id=name.strip())


def read_fasta(path: Path) -> Iterator[Row]:
    """Records of a FASTA file: `line` is the line number of the header, `id` its first word."""
    number, length = 0, 0
    header: str | None = None
    parts: list[str] = []
    native = ""
    for at, line in enumerate(lines(path), start=1):
        if line.startswith(">"):
            if header is not None:
                yield _row(number, header, parts)
            number, parts, length = at, [], 0
            header, native = _as_ours(line[1:].rstrip(), native)
        elif header is not None and (letters := line.strip()) and length < LONGEST_TEXT:
            parts.append(letters[:LONGEST_TEXT])
            length += len(parts[-1])
        elif header is None and line.strip():  # a stream that isn't FASTA: each line is refused
            yield Row(at, f">? {line.strip()[:LONGEST_TEXT]}")
    if header is not None:
        yield _row(number, header, parts)


def _as_ours(header: str, native: str) -> tuple[str, str]:
    """A header, and the name of the design that it belongs to. Those of ProteinMPNN and LigandMPNN, such as
    `T=0.1, sample=2, score=0.9` after the native sequence `design_0, score=1.6`, become `design_0-2 score=0.9`."""
    parts = header.split(", ")
    values = dict(part.partition("=")[::2] for part in parts if "=" in part)
    told = len(values) + 1 >= len(parts) > 1 and values.keys() & {"T", "score"}
    if not told or " " in header.replace(", ", ""):
        return header, native
    name = parts[0] if "=" not in parts[0] else native
    number = values.get("sample") or values.get("id")
    named = f"{name}-{number}" if name and number else name or number or ""
    return " ".join([named, *(f"{key}={value}" for key, value in values.items() if key not in ("sample", "id"))]), name


def _row(number: int, header: str, parts: Sequence[str]) -> Row:
    words = header.split()
    named = "" if not words or header[:1].isspace() else words[0]
    pairs = (word.partition("=") for word in words[bool(named) :])
    values, texts = numbers_and_texts((key, value) for key, _, value in pairs if key and key not in NOT_MEASURED)
    return Row(number, "".join(parts), values, named, texts)


def write(
    path: Path, items: Sequence[str], names: Sequence[str], values: ItemTable, origin: Origin | None = None
) -> None:
    """Write sequences as FASTA, each header with the name and `key=value` for its non-missing values, or as lines, in
    one step. The same content gives the same bytes, also gzipped."""
    kind = ending(path)
    if not kind.startswith((*FASTA, ".txt")):
        raise ConfigError(f"Expected a file ending in .fasta, .fa, .faa or .txt, got '{path}'. Choose one of them.")
    if kind.startswith(".txt"):
        write_text(path, map(line_of, items, names))
    else:
        write_text(path, fasta_records(items, names, values))


def fields(path: Path) -> Iterator[dict[str, str]] | None:
    """The name, the values and the lines of the sequence of each record of a FASTA file."""
    return map(_fields, _records(path)) if ending(path).startswith(FASTA) else None


def _records(path: Path) -> Iterator[list[str]]:
    """The lines of each record."""
    record: list[str] = []
    for line in lines(path):
        if line.startswith(">") and record:
            yield record
            record = []
        record.append(line)
    if record:
        yield record


def _fields(record: Sequence[str]) -> dict[str, str]:
    name, *words = record[0].split(" ")
    values = dict(word.partition("=")[::2] for word in words)
    return {"name": name, **values, "sequence": "\n".join(record[1:])}


def fasta_records(sequences: Sequence[str], names: Sequence[str], values: ItemTable) -> Iterator[str]:
    """Records as text: a header with the name and `key=value` for non-missing values, then the sequence."""
    for row, (sequence, name) in enumerate(zip(sequences, names, strict=True)):
        present = {key: cells[row] for key, cells in values.items() if not is_missing(cells[row])}
        words = [_one_word(name), *(f"{_one_word(key)}={_one_word(value)}" for key, value in present.items())]
        folded = [sequence[start : start + LETTERS_A_LINE] for start in range(0, len(sequence), LETTERS_A_LINE)]
        yield "\n".join([">" + " ".join(words), *folded, ""])


def _one_word(value: Cell) -> str:
    return "_".join(number_text(value).split()) if isinstance(value, float) else "_".join(str(value).split())


ITEMS = ItemIO(
    parse=parse,
    text=text,
    key=key,
    columns=ITEM_COLUMNS,
    formats=FORMATS,
    read=read,
    write=write,
    fields=fields,
    labels={"taxon": taxon},
)

"""Files of proteins: FASTA and one sequence per line, streamed; tables through `data.tables`; chains of structures.

Values of a record are read from and written to the FASTA header as `key=number`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sciencegen.data.damage import open_binary, standard_input
from sciencegen.data.tables import READ_TABLES, NoItemColumn, read_table
from sciencegen.data.workbooks import file_of
from sciencegen.data.writers import is_missing, line_of, number_text, write_text
from sciencegen.domains.base import ItemIO, ItemTable
from sciencegen.domains.proteins.items import MAX_RESIDUES, key, parse, text
from sciencegen.domains.proteins.record_names import taxon
from sciencegen.domains.proteins.structure_sequences import STRUCTURE_FORMATS, chain_rows
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import found_at
from sciencegen.items import VARIANT_COLUMNS, Cell, Origin, Row, numbers_and_texts

ITEM_COLUMNS = ("item", "sequence", "seq", "protein", "mutated_sequence")
FASTA = (".fasta", ".fa", ".faa")
FORMATS = (*FASTA, *(f"{ending}.gz" for ending in FASTA), *READ_TABLES, ".txt", ".txt.gz", *STRUCTURE_FORMATS)
LONGEST_TEXT = 2 * MAX_RESIDUES
"""Maximum number of letters that are read of a record; longer ones are refused anyway."""
MAX_LINE_BYTES = 1 << 20
LETTERS_A_LINE = 60
NOT_MEASURED = frozenset({"OS", "OX", "GN", "PE", "SV", "n", "Tax", "TaxID", "RepID"})
"""Keys that UniProt and UniRef write in headers, for taxa and versions: they aren't measured values."""


def ending(path: Path) -> str:
    """The file suffix in lower case, such as ".fa" or ".fa.gz"; "-" (standard input) counts as .fasta."""
    suffixes = [suffix.lower() for suffix in file_of(path).suffixes]
    if str(path) == "-":
        return FASTA[0]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a file of proteins; invalid sequences give rows too, which `parse` refuses."""
    kind = ending(path)
    if kind not in FORMATS:
        raise ConfigError(f"Expected a file of proteins ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it.")
    if kind in READ_TABLES:
        return _read_table(path, column)
    check_exists(path)
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


def check_exists(path: Path) -> None:
    """Raise a DataError if the file is missing or empty, before any row is read."""
    if str(path) == "-":
        return
    if not path.is_file():
        raise DataError(f"Expected a file of proteins at {path}, found {found_at(path)}.")
    if path.stat().st_size == 0:
        raise DataError(f"Expected proteins in {path}, found an empty file.")


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


def lines(path: Path) -> Iterator[str]:
    """Decoded lines without line breaks. Longer lines than `MAX_LINE_BYTES` are cut (`parse` refuses them anyway)."""
    with standard_input() if str(path) == "-" else open_binary(path) as stream:
        first = True
        while line := stream.readline(MAX_LINE_BYTES):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_BYTES)
            decoded = line.decode("utf-8-sig" if first else "utf-8", errors="replace")
            first = False
            yield decoded.rstrip("\r\n")


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
    for at, line in enumerate(lines(path), start=1):
        if line.startswith(">"):
            if header is not None:
                yield _row(number, header, parts)
            number, header, parts, length = at, line[1:], [], 0
        elif header is not None and (letters := line.strip()) and length < LONGEST_TEXT:
            parts.append(letters[:LONGEST_TEXT])
            length += len(parts[-1])
        elif header is None and line.strip():  # a stream that isn't FASTA: each line is refused
            yield Row(at, f">? {line.strip()[:LONGEST_TEXT]}")
    if header is not None:
        yield _row(number, header, parts)


def _row(number: int, header: str, parts: Sequence[str]) -> Row:
    words = header.split()
    named = "" if not words or header[:1].isspace() else words[0]
    values, texts = header_values(words[bool(named) :])
    return Row(number, "".join(parts), values, named, texts)


def header_values(words: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """The numbers and the other texts among `key=value` words."""
    pairs = (word.partition("=") for word in words)
    return numbers_and_texts((key, value) for key, _, value in pairs if key and key not in NOT_MEASURED)


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

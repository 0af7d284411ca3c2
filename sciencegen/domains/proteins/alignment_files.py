"""Read records of alignment files as bytes, in blocks: FASTA, its variants a2m and a3m, and Stockholm. A block is read
with a few calls, without a loop over letters."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.data.damage import open_binary
from sciencegen.errors import DataError
from sciencegen.files import found_at

STOCKHOLM_ENDINGS = (".sto", ".stockholm")
ALIGNMENT_ENDINGS = (".a2m", ".a3m", *STOCKHOLM_ENDINGS, ".afa", ".fasta", ".fa", ".faa")
BLOCK_BYTES = 1 << 22
LONGEST_RECORD = 1 << 26
ROWS_AT_ONCE = 1 << 13
BLANKS = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ANNOTATIONS = frozenset({"ss_dssp", "sa_dssp", "ss_pred", "ss_conf"})
"""Records of an a3m that aren't sequences."""


@dataclass(frozen=True)
class Records:
    """Names and letters of some records, in order."""

    names: Sequence[str]
    bodies: Sequence[bytes]


def is_a3m(path: Path) -> bool:
    """Whether the file is an a3m: rows have no dots at the insertions of others, so that they differ in length."""
    return Path(path).name.lower().removesuffix(".gz").endswith(".a3m")


def read_records(path: Path) -> Iterator[Records]:
    """Blocks of the records of an alignment, none of them empty."""
    with _opened(path) as stream:
        head = stream.peek(BLOCK_BYTES)[:BLOCK_BYTES].removeprefix(BYTE_ORDER_MARK).lstrip(BLANKS)
        if head.startswith(b"# STOCKHOLM"):
            yield from _stockholm(stream, path)
        else:
            _check_is_fasta(head, path)
            yield from _fasta(stream, path)


def _opened(path: Path) -> io.BufferedReader:
    if not path.is_file():
        raise DataError(f"Expected an alignment at {path}, found {found_at(path)}.")
    return open_binary(path)


def _check_is_fasta(head: bytes, path: Path) -> None:
    """The first line that isn't a comment starts with ">"."""
    if not head:
        raise DataError(f"Expected an alignment in {path}, found an empty file.")
    lines = (line for line in head.splitlines() if line.strip() and not line.startswith(b"#"))
    first = next(lines, b"")
    if not first.startswith(b">"):
        raise DataError(
            f"Expected an alignment in FASTA, a2m, a3m or Stockholm format in {path}, found a line that starts with "
            f"{first[:20].decode('latin-1')!a}. Convert it."
        )


def _fasta(stream: io.BufferedReader, path: Path) -> Iterator[Records]:
    """The file is split before each ">" at the start of a line; comments (#) are allowed before the first only."""
    rest = b"\n"
    while block := stream.read(BLOCK_BYTES):
        rest += block.removeprefix(BYTE_ORDER_MARK) if rest == b"\n" else block
        cut = rest.rfind(b"\n>")
        if cut > 0:
            yield from _records(rest[:cut])
            rest = rest[cut:]
        if len(rest) > LONGEST_RECORD:
            raise DataError(f"Expected records of at most {LONGEST_RECORD} bytes in {path}, found a longer one.")
    yield from _records(rest)


def _records(block: bytes) -> Iterator[Records]:
    names, bodies = [], []
    for record in block.split(b"\n>")[1:]:
        header, _, body = record.partition(b"\n")
        name = header.split(None, 1)[0].decode("utf-8", "replace") if header.strip() else ""
        if name not in ANNOTATIONS:
            names.append(name)
            bodies.append(body.translate(None, BLANKS))
    if names:
        yield Records(names, bodies)


def _stockholm(stream: io.BufferedReader, path: Path) -> Iterator[Records]:
    """Lines of a name and letters, perhaps in several blocks that repeat the names; one alignment per file."""
    parts: dict[bytes, list[bytes]] = {}
    ended = False
    for line in stream:
        words = line.removeprefix(BYTE_ORDER_MARK).split()
        if not words or words[0].startswith(b"#"):
            continue
        if ended:
            raise DataError(f"Expected one alignment in {path}, found several. Give one to each file.")
        if words[0] == b"//":
            ended = True
        elif len(words) != 2:
            raise DataError(f"Expected a name and letters in each line of {path}, found {line[:60]!r}.")
        else:
            parts.setdefault(words[0], []).append(words[1])
    names = list(parts)
    for start in range(0, len(names), ROWS_AT_ONCE):
        some = names[start : start + ROWS_AT_ONCE]
        yield Records([name.decode("utf-8", "replace") for name in some], [b"".join(parts.pop(name)) for name in some])

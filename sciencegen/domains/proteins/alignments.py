"""Read the alignment of a family by EVE's rules (Frazer et al., Nature 2021, 599, 91).

The first record is the focus. Its upper-case letters are the columns; where it has a gap, a dot or a lower-case letter
(an insertion), the letters of the other records are dropped. Sequences with more than half gaps are dropped as
fragments, and so are those with letters other than the 20 amino acids. EVE omits columns in which more than 30% of the
sequences have gaps; here they are kept, because any position may be requested, and `gaps` has their shares of gaps.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt16, UInt64

from sciencegen.data.damage import open_binary
from sciencegen.data.threads import map_threaded, worker_count
from sciencegen.data.writers import printable
from sciencegen.domains.proteins.items import ALPHABET, GAP, NUMBER_OF_LETTER, parse
from sciencegen.domains.proteins.variants import Reference, numbered, split_range
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import found_at
from sciencegen.items import Refusal

# Read records of alignment files as bytes, in blocks: FASTA, its variants a2m and a3m, and Stockholm. A block is read
# with a few calls, without a loop over letters.

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


MOST_GAPS = 0.5
GAPPY_COLUMN = 0.3
"""EVE omits columns with a greater share of gaps."""
AMBIGUOUS = GAP + 1
NOT_COUNTED = b"abcdefghijklmnopqrstuvwxyz."
"""Insertions, and the dots at their positions in other rows."""

_NUMBERS = NUMBER_OF_LETTER.copy()
_NUMBERS[np.frombuffer(b"BJOUXZbjouxz*", np.uint8)] = AMBIGUOUS


@dataclass(frozen=True)
class AlignmentReport:
    """Counts of reading a file. records: in the file; fragments, ambiguous: dropped records. focus_gaps: columns in
    which the focus has a gap; insertions: its own lower-case letters, which have numbers but no column. lower_case:
    letters of other rows that were read as upper case. repeats: kept rows that equal an earlier one in every column.
    gappy_columns: those that EVE would omit."""

    records: int
    kept: int
    fragments: int
    ambiguous: int
    focus_gaps: int
    insertions: int
    lower_case: int
    duplicate_names: int
    repeats: int
    gappy_columns: int
    ranged: bool

    def notes(self) -> list[str]:
        """The notes that apply, as sentences."""
        said = [
            (self.fragments, f"{self.fragments} of {self.records} sequences dropped: more than half gaps"),
            (
                self.ambiguous,
                f"{self.ambiguous} of {self.records} sequences dropped: letters beyond the 20 amino acids",
            ),
            (self.focus_gaps, f"{self.focus_gaps} columns dropped: the first record has a gap there"),
            (self.insertions, f"{self.insertions} lower-case letters of the first record are insertions: no column"),
            (self.lower_case, f"{self.lower_case} lower-case letters in columns were read as upper case"),
            (
                self.repeats,
                f"{self.repeats} of the {self.kept} sequences kept repeat an earlier one: each such group is one row, "
                "with their weights summed",
            ),
            (self.duplicate_names, f"{self.duplicate_names} names occur more than once; every sequence was kept"),
            (self.gappy_columns, f"{self.gappy_columns} columns are more than 30% gaps: their scores are less certain"),
            (not self.ranged, "the first record's name has no range /first-last: positions are numbered from 1"),
        ]
        return [sentence for applies, sentence in said if applies]


@dataclass(frozen=True)
class Alignment:
    """focus: all letters of the first record, numbered. rows: residue numbers, including `GAP`; the focus is row 0.
    columns: position of each column in focus.sequence. gaps: the share of gaps in each column. record: the number of
    each row in the file, from 1. dropped: (record, name, reason) of dropped records.
    """

    focus: Reference
    name: str
    rows: UInt8[np.ndarray, "sequence column"]
    names: Sequence[str]
    columns: Int[np.ndarray, " column"]
    gaps: Float[np.ndarray, " column"]
    record: Int[np.ndarray, " sequence"]
    dropped: Sequence[tuple[int, str, str]]
    report: AlignmentReport

    @property
    def positions(self) -> Int[np.ndarray, " column"]:
        """The number of each column, in the numbering of variants."""
        return self.columns + self.focus.first


@dataclass(frozen=True)
class _Layout:
    """How records become rows. by_match: letters are counted without insertions and dots, as in a3m, where rows differ
    in length; else every record has the same number of letters, and columns are positions in it. width: that number.
    places: positions of the columns."""

    by_match: bool
    width: int
    places: np.ndarray
    first: tuple[str, bytes]


class _Ragged(Exception):
    """A record that is longer or shorter than the first."""


def read_alignment(path: str | Path) -> Alignment:
    """Read .a2m, .a3m, Stockholm (.sto) or aligned FASTA, perhaps gzipped; the format is detected."""
    path = Path(path)
    # Rows of an a3m have no dots at the insertions of others, so that they differ in length.
    ways = (True,) if path.name.lower().removesuffix(".gz").endswith(".a3m") else (False, True)
    for by_match in ways:
        try:
            return _read(path, by_match)
        except _Ragged as error:
            ragged = error
    raise DataError(str(ragged)) from None


def read_focus(path: str | Path) -> tuple[Reference, Int[np.ndarray, " column"]]:
    """The first record, numbered, and the positions of the columns in it; the other records are not read."""
    start = next(read_records(Path(path)), None)
    if start is None:
        raise DataError(f"Expected an alignment in {path}, found no sequence.")
    reference, _ = _focus(start.names[0], start.bodies[0], Path(path))
    letters = _letters(start.bodies[0])
    return reference, np.flatnonzero(letters[letters != ord("-")] < ord("a"))


def _read(path: Path, by_match: bool) -> Alignment:
    blocks = read_records(path)
    start = next(blocks, None)
    if start is None:
        raise DataError(f"Expected an alignment in {path}, found no sequence.")
    name, body = start.names[0], start.bodies[0]
    focus, ranged = _focus(name, body, path)
    layout = _layout(name, body, by_match, path)
    letters = _letters(body)
    columns = np.flatnonzero(letters[letters != ord("-")] < ord("a"))
    kept = _Kept(layout, path)
    kept.add(start)
    for block in blocks:
        kept.add(block)
    rows, gaps = kept.rows, kept.gaps / len(kept.names)
    report = AlignmentReport(
        kept.records, len(rows), kept.fragments, kept.ambiguous, body.count(b"-"),
        len(focus.sequence) - len(columns), kept.lower_case, len(kept.names) - len(set(kept.names)),
        len(rows) - len({hash(row.tobytes()) for row in rows}), int((gaps > GAPPY_COLUMN).sum()), ranged,
    )  # fmt: skip
    return Alignment(focus, name, rows, kept.names, columns, gaps, np.concatenate(kept.numbers), kept.dropped, report)


def _letters(body: bytes) -> np.ndarray:
    """The first record without dots: letters and gaps."""
    return np.frombuffer(body.replace(b".", b""), np.uint8)


def _focus(name: str, body: bytes, path: Path) -> tuple[Reference, bool]:
    """The first record's letters with their numbers, and whether its name gives a range."""
    sequence = body.translate(None, b"-.").decode("ascii", "replace").upper()
    found = parse(sequence) if sequence else Refusal("no letters")
    if isinstance(found, Refusal) or found != sequence:
        reason = found.reason if isinstance(found, Refusal) else "it ends with a stop '*'"
        raise DataError(f"Expected a protein as the first record of {path}, found '{printable(name, 60)}': {reason}.")
    _, span = split_range(name)
    reference = numbered(sequence, span)
    if isinstance(reference, Refusal):
        raise DataError(
            f"Expected the range of '{printable(name, 60)}' in {path} to {reference.reason}. Correct the name, or "
            "leave the range out to number from 1."
        )
    return reference, span is not None


def _layout(name: str, body: bytes, by_match: bool, path: Path) -> _Layout:
    counted = body.translate(None, NOT_COUNTED) if by_match else body
    letters = np.frombuffer(counted, np.uint8)
    places = np.flatnonzero((letters >= ord("A")) & (letters <= ord("Z")))
    if not len(places):
        raise DataError(
            f"Expected upper-case letters in the first record of {path}, found lower case only, which marks "
            "insertions. Write it in upper case."
        )
    return _Layout(by_match, len(counted), places, (name, body))


class _Kept:
    """Collects the rows that are kept, block by block, and counts those that are dropped."""

    def __init__(self, layout: _Layout, path: Path) -> None:
        self.layout, self.path = layout, path
        self.joined = bytearray()  # grows in place, so that the rows are in memory once
        self.gaps = np.zeros(len(layout.places), np.int64)
        self.numbers: list[np.ndarray] = []
        self.names: list[str] = []
        self.dropped: list[tuple[int, str, str]] = []
        self.records = self.fragments = self.ambiguous = self.lower_case = 0

    def add(self, block: Records) -> None:
        bodies = [body.translate(None, NOT_COUNTED) for body in block.bodies] if self.layout.by_match else block.bodies
        self._check_lengths(block.names, bodies)
        letters = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(bodies), -1)[:, self.layout.places]
        rows = _NUMBERS[letters]
        strange = rows > AMBIGUOUS
        if strange.any():
            index, column = np.argwhere(strange)[0].tolist()
            raise DataError(
                f"Expected letters, '-' and '.' in the rows of {self.path}, found {chr(letters[index, column])!a} in "
                f"record {self.records + index + 1}, '{printable(block.names[index], 60)}'."
            )
        fragment = (rows == GAP).sum(1) > MOST_GAPS * rows.shape[1]
        ambiguous = (rows == AMBIGUOUS).any(1) & ~fragment
        stays = ~(fragment | ambiguous)
        number = np.arange(self.records + 1, self.records + 1 + len(rows))
        for index in np.flatnonzero(~stays).tolist():
            reason = "more than half gaps" if fragment[index] else f"letters beyond the 20 amino acids {ALPHABET}"
            self.dropped.append((int(number[index]), block.names[index], reason))
        self.records += len(rows)
        self.fragments += int(fragment.sum())
        self.ambiguous += int(ambiguous.sum())
        self.lower_case += int((letters[stays] >= ord("a")).sum())
        self.names += [name for name, stay in zip(block.names, stays.tolist(), strict=True) if stay]
        self.gaps += (rows[stays] == GAP).sum(0)
        self.joined.extend(memoryview(rows[stays]))
        self.numbers.append(number[stays])

    @property
    def rows(self) -> UInt8[np.ndarray, "sequence column"]:
        return np.frombuffer(self.joined, np.uint8).reshape(len(self.names), -1)

    def _check_lengths(self, names: Sequence[str], bodies: Sequence[bytes]) -> None:
        width = self.layout.width
        if set(map(len, bodies)) <= {width}:
            return
        index = next(index for index, body in enumerate(bodies) if len(body) != width)
        counted = "columns (insertions not counted)" if self.layout.by_match else "columns"
        raise _Ragged(
            f"Expected rows of one length in {self.path}: record {self.records + index + 1}, "
            f"'{printable(names[index], 60)}', has {len(bodies[index])} {counted}, "
            f"the first, '{printable(self.layout.first[0], 60)}', has {width}. Align them again."
        )


# Aligned rows as bits, 64 columns per word, so that a pair of rows is compared in a few operations.
#
# The residue number of a column has five bits; each is one plane. Two rows differ in a column if any plane differs:
#
#     differing = popcount(OR over planes p of (a_p XOR b_p))

PLANES = 5
GAP_CODE = 31
"""Differs from each residue 0 to 19 in at least one plane, and not from itself."""
WORD = 64
BLOCK = (32, 1024)
"""Rows on each side of a block of pairs: 32 x 1024 words are 256 kB, which fit in a core's cache."""


@dataclass(frozen=True)
class BitPlanes:
    """planes [word plane row], present [word row]: bits of the columns that aren't gaps. columns: their number; bits
    after the last column are 0."""

    planes: np.ndarray
    present: np.ndarray
    columns: int


def pack(rows: UInt8[np.ndarray, "row column"]) -> BitPlanes:
    """The bit planes of rows of residue numbers, `GAP` among them."""
    codes = np.where(rows == GAP, np.uint8(GAP_CODE), rows)
    planes = np.stack([_words(codes >> plane & 1) for plane in range(PLANES)], axis=1)
    return BitPlanes(planes, _words(rows != GAP), rows.shape[1])


def _words(bits: np.ndarray) -> UInt64[np.ndarray, "word row"]:
    count, columns = bits.shape
    words = -(-columns // WORD)
    packed = np.zeros((count, words * 8), np.uint8)
    packed[:, : -(-columns // 8)] = np.packbits(bits.astype(bool), axis=1)
    return np.ascontiguousarray(packed.view(np.uint64).T)


def differing(
    first: UInt64[np.ndarray, "word plane row"], second: UInt64[np.ndarray, "word plane other"]
) -> UInt16[np.ndarray, "row other"]:
    """Number of columns in which two rows differ, also by a gap; with a subset of planes or words, a lower bound."""
    count = np.zeros((first.shape[2], second.shape[2]), np.uint16)
    for word in range(first.shape[0]):
        unequal = first[word, 0, :, None] ^ second[word, 0]
        for plane in range(1, first.shape[1]):
            unequal |= first[word, plane, :, None] ^ second[word, plane]
        count += np.bitwise_count(unequal)
    return count


def matching(packed: BitPlanes, above: slice, beside: slice) -> UInt16[np.ndarray, "row other"]:
    """Columns in which rows of two blocks have the same residue; gaps match nothing."""
    count = np.zeros((above.stop - above.start, beside.stop - beside.start), np.uint16)
    for planes, present in zip(packed.planes, packed.present, strict=True):
        unequal = planes[0, above, None] ^ planes[0, beside]
        for plane in planes[1:]:
            unequal |= plane[above, None] ^ plane[beside]
        count += np.bitwise_count(present[above, None] & ~unequal)
    return count


def matching_pairs(packed: BitPlanes, first: np.ndarray, second: np.ndarray) -> UInt16[np.ndarray, " pair"]:
    """Columns in which both rows of each pair (first[k], second[k]) have the same residue; gaps match nothing."""
    count = np.zeros(len(first), np.uint16)
    for planes, present in zip(packed.planes, packed.present, strict=True):
        unequal = planes[0, first] ^ planes[0, second]
        for plane in planes[1:]:
            unequal |= plane[first] ^ plane[second]
        count += np.bitwise_count(present[first] & ~unequal)
    return count


# Weights of the sequences of an alignment, which are small for sequences with many similar ones.
#
#     weight_i = 1 / #{j : matches(i, j) / residues(i) > identity}
#
# matches(i, j) is the number of columns in which both have the same residue, residues(i) the number of those in which
# i has a residue; j includes i. A row of gaps alone has weight 0. Hopf et al. 2017, with the strict ">" and the
# float64 division of EVE (Frazer et al. 2021), so that the weights equal EVE's for theta = 1 - identity to the last
# bit.

SCREENING_PLANES = 2
"""Two of five planes distinguish three quarters of the pairs of different residues, in a third of the time."""
ROWS_PER_TASK = 512
PAIRS_AT_ONCE = 1 << 15
DENSE = 0.1
"""If a larger share of a block's pairs passes the screening, all pairs are compared instead of only these."""


def sequence_weights(
    rows: UInt8[np.ndarray, "sequence column"], identity: float = 0.8, threads: int = 0, device: str = "cpu"
) -> Float[np.ndarray, " sequence"]:
    """The weight of each row of residue numbers. threads: 0 uses all cores available to the process. device: "cuda"
    compares rows by matrix products on the GPU; the weights are the same."""
    if not 0 <= identity < 1:
        raise ConfigError(f"Expected an identity of at least 0 and below 1, got {identity}. EVE uses 0.8.")
    least = least_matches(rows.shape[1], identity)[(rows != GAP).sum(1)]
    if device == "cpu":
        count = count_neighbours(rows, least, worker_count(threads))
    else:
        count = count_neighbours_by_products(rows, least, device)
    return np.divide(1.0, count, out=np.zeros(len(rows)), where=count > 0)


def least_matches(columns: int, identity: float) -> Int[np.ndarray, " residues"]:
    """For a row of n residues, the smallest number m of matches with m / n > identity in float64; columns + 1 for 0."""
    residues = np.arange(1, columns + 1)
    near = np.floor(residues * identity).astype(np.int64)[:, None] + np.arange(-1, 3)
    enough = near / residues[:, None] > identity
    return np.concatenate([[columns + 1], near[np.arange(columns), enough.argmax(1)]])


def count_neighbours(
    rows: UInt8[np.ndarray, "sequence column"], least: Int[np.ndarray, " sequence"], threads: int
) -> Int[np.ndarray, " sequence"]:
    """For each row i, the number of rows j, including i, with at least least[i] matches.

    Each pair is compared once: two bit planes give an upper bound of its matches, and the exact number is computed for
    the few remaining pairs.
    """
    packed = pack(rows)
    count = (least <= rows.shape[1]).astype(np.int64)
    tasks = range(0, len(rows), ROWS_PER_TASK)
    for part in map_threaded(lambda start: _count_from(packed, least, start), tasks, threads):
        count += part
    return count


def _count_from(packed: BitPlanes, least: np.ndarray, start: int) -> Int[np.ndarray, " sequence"]:
    """Count neighbours among the pairs (i, j) with i < j and i in the task that begins at `start`."""
    count = np.zeros(len(least), np.int64)
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    for above, beside in _blocks(start, len(least)):
        # Rows may be neighbours if matches <= columns - differing, which holds for the screening planes too.
        most = np.maximum(packed.columns - least, 0).astype(np.uint16)
        planes = packed.planes[:, :SCREENING_PLANES]
        few = differing(planes[..., above], planes[..., beside]) <= np.maximum(most[above, None], most[beside])
        few &= np.arange(above.start, above.stop)[:, None] < np.arange(beside.start, beside.stop)
        if few.mean() > DENSE:
            matches = matching(packed, above, beside)
            count[above] += (few & (matches >= least[above, None])).sum(1)
            count[beside] += (few & (matches >= least[beside])).sum(0)
            continue
        place = np.flatnonzero(few)
        waiting.append((place // few.shape[1] + above.start, place % few.shape[1] + beside.start))
        if sum(len(first) for first, _ in waiting) > PAIRS_AT_ONCE:
            _count_pairs(packed, least, waiting, count)
    _count_pairs(packed, least, waiting, count)
    return count


def _blocks(start: int, rows: int) -> Iterator[tuple[slice, slice]]:
    """Pairs of blocks: rows of the task, and rows from the first of these on."""
    stop = min(start + ROWS_PER_TASK, rows)
    for top in range(start, stop, BLOCK[0]):
        for left in range(top, rows, BLOCK[1]):
            yield slice(top, min(top + BLOCK[0], stop)), slice(left, min(left + BLOCK[1], rows))


def _count_pairs(
    packed: BitPlanes, least: np.ndarray, waiting: list[tuple[np.ndarray, np.ndarray]], count: np.ndarray
) -> None:
    """Add the neighbours among the waiting pairs to `count`, and clear these pairs."""
    if not waiting:
        return
    first, second = (np.concatenate(side) for side in zip(*waiting, strict=True))
    waiting.clear()
    matches = matching_pairs(packed, first, second)
    count += np.bincount(first[matches >= least[first]], minlength=len(count))
    count += np.bincount(second[matches >= least[second]], minlength=len(count))


def count_neighbours_by_products(
    rows: UInt8[np.ndarray, "sequence column"], least: Int[np.ndarray, " sequence"], device: str, block: int = 4096
) -> Int[np.ndarray, " sequence"]:
    """`count_neighbours` by matrix products of one-hot blocks, matches = H H^T, on a torch device.

    Sums of ones are exact: in half precision up to 2,048, in single precision for any length that occurs.
    """
    import torch

    half = device.startswith("cuda") and rows.shape[1] <= 2048
    table = torch.from_numpy(np.ascontiguousarray(rows)).to(device)
    needed, letters = torch.from_numpy(least).to(device), torch.arange(GAP, dtype=torch.uint8, device=device)
    count = torch.zeros(len(rows), dtype=torch.int64, device=device)

    def one_hot(part: slice) -> torch.Tensor:
        return (table[part, :, None] == letters).flatten(1).to(torch.float16 if half else torch.float32)

    parts = [slice(start, min(start + block, len(rows))) for start in range(0, len(rows), block)]
    for index, above in enumerate(parts):
        hot = one_hot(above)
        for beside in parts[index:]:
            matches = hot @ one_hot(beside).T
            count[above] += (matches >= needed[above, None]).sum(1)
            if beside != above:
                count[beside] += (matches >= needed[beside]).sum(0)
    return count.cpu().numpy()

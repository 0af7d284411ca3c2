"""Digests of files: what is compared byte by byte, what is normalized first, and what is prose.

A file that holds prose has two digests: its data, and (marked) the whole, whose words may change."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

Digests = dict[str, str]

PROSE = " (prose may change)"

SKIPPED = ("*/logs/*.log", "*/benchmarks/*.tsv")
"""Of a workflow: what its steps said, and how long they took."""
VERSION = re.compile(rb'(sciencegen(?:": "|: | |</dt><dd>))\d+\.\d+\.\d+(?:\.dev\d+)?')
"""The package's version after its name, as in JSON, in YAML, in a FITS header and in a report's provenance."""
TIMED_COLUMNS = ("items_per_second", "seconds")
"""Of CSV tables: measured speed."""
PROSE_COLUMNS = ("reason", "structure")
"""Of CSV tables: why a row is refused, and how a structure was made."""
PROSE_KEYS = ("description", "meaning", "notes", "note", "message")
"""Of JSON files."""
PROSE_CARDS = ("HISTORY", "COMMENT")
"""Of FITS headers, beside the comments of all cards."""
KEYS_ONLY = ("doctor.json",)
"""JSON files that describe a machine: their values are compared as prose."""
WHOLLY_PROSE = ("card.md",)


def digests_of(entry: Path, folder: Path) -> Digests:
    """By the file's path in the entry's folder. folder: where all entries run, whose path is normalized."""
    found: Digests = {}
    for path in sorted(entry.rglob("*")):
        name = str(path.relative_to(entry))
        if not path.is_file() or any(fnmatch(name, pattern) for pattern in SKIPPED):
            continue
        data, prose = read(path, folder)
        if data is not None:
            found[name] = hashlib.sha256(data).hexdigest()
        if prose is not None:
            found[name + PROSE] = hashlib.sha256(prose).hexdigest()
    return found


def read(path: Path, folder: Path) -> tuple[bytes | None, bytes | None]:
    """What of a file is data, and the whole where it holds prose too; both normalized."""
    import sciencegen

    package = Path(sciencegen.__file__).resolve().parents[1]
    content = path.read_bytes().replace(str(folder).encode(), b"<folder>").replace(str(package).encode(), b"<package>")
    content = VERSION.sub(rb"\1<version>", content)
    if path.suffix == ".csv":
        content = without_columns(content, TIMED_COLUMNS)
    if path.name in WHOLLY_PROSE:
        return None, content
    if path.suffix not in READERS:
        return content, None
    data = READERS[path.suffix](content, path)
    return data, None if data == content else content


def _json(content: bytes, path: Path) -> bytes:
    try:
        value = json.loads(content)
    except ValueError:
        return content
    stripped = _keys(value) if path.name in KEYS_ONLY else _without_prose(value)
    return content if stripped == value else json.dumps(stripped).encode()


def _without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_prose(one) for key, one in value.items() if key not in PROSE_KEYS}
    return [_without_prose(one) for one in value] if isinstance(value, list) else value


def _keys(value: Any) -> Any:
    return {key: _keys(one) for key, one in value.items()} if isinstance(value, dict) else None


def _csv(content: bytes, path: Path) -> bytes:
    return without_columns(content, PROSE_COLUMNS)


def without_columns(content: bytes, dropped: Sequence[str]) -> bytes:
    """The table's cells in the other columns; the same bytes where it has none of these."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    kept = [at for at, name in enumerate(rows[0] if rows else []) if name not in dropped]
    if not rows or len(kept) == len(rows[0]):
        return content
    out = io.StringIO(newline="")
    csv.writer(out).writerows([row[at] for at in kept if at < len(row)] for row in rows)
    return out.getvalue().encode()


def _sdf(content: bytes, path: Path) -> bytes:
    return re.sub(rb"(>  <structure>.*\n).*", rb"\1", content)


def _fits(content: bytes, path: Path) -> bytes:
    """Keywords and values of each header, and the data's bytes."""
    from astropy.io import fits

    parts = []
    with fits.open(path) as file:
        for unit in file:
            cards = [(key, str(value)) for key, value in unit.header.items() if key not in PROSE_CARDS]
            place = unit.fileinfo()
            parts += [repr(cards).encode(), _span(path, place["datLoc"], place["datSpan"])]
    return VERSION.sub(rb"\1<version>", b"".join(parts))


def _span(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


def _html(content: bytes, path: Path) -> bytes:
    """Cells that hold a number, coordinates of drawings, and pictures; the words around them are prose."""
    texts = re.findall(rb"<td[^>]*>([^<]*)</td>", content)
    cells = [text for text in texts if re.fullmatch(rb"[^A-Za-z]*\d[^A-Za-z]*", text)]
    drawings = re.findall(rb'\b(?:d|points|cx|cy|width|height)="[^"]*"', content)
    return b"\n".join([*cells, *drawings, *re.findall(rb"base64,([A-Za-z0-9+/=]+)", content)])


READERS: dict[str, Callable[[bytes, Path], bytes]] = {
    ".json": _json, ".csv": _csv, ".sdf": _sdf, ".fits": _fits, ".html": _html,
}  # fmt: skip

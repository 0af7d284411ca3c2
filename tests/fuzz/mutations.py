"""Damages of bytes, of packed files and of documents. Each takes the content and a chooser, and returns bytes."""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from tests.damage import KINDS
from tests.damaged_documents import OTHERS, parsed, value_changed

Mutation = Callable[[bytes, Random], bytes]

HUGE = (
    b"1e309",
    b"-1e309",
    b"9" * 400,
    b"1" + b"0" * 5000,
    b"-0",
    b"0x10",
    b"1_000",
    b"inf",
    b"-nan",
    b"1e-400",
    b"\xd9\xa3",
)
STRANGE = (
    b"\0", b"\x1b[31m", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", "\u202e".encode(), "\U0001f9ea".encode(),
    b"\r", b"\n", b"\n\n", b"\t", b"\x0b", b"\x0c", b"\x1c", "\u2028".encode(), "\x85".encode(),
    b'"', b"'", b",", b";", b"|", b"\\",
    b"$$$$\n", b">", b"//", b"#", b"=", b"{", b"}", b"%", b"../", b"\xef\xbb\xbf", "é".encode("latin-1"),
)  # fmt: skip
DEEP = (b"[", b"{", b"(", b"{a: ", b'[{"a":', b"- ", b"!!", b"&a *a ")
BOMB_BYTES = 1 << 20


def inserted(content: bytes, chooser: Random) -> bytes:
    place = chooser.randrange(len(content) + 1)
    return content[:place] + chooser.choice(STRANGE) * chooser.choice((1, 1, 2, 50)) + content[place:]


def duplicated(content: bytes, chooser: Random) -> bytes:
    """A block of the file stands twice."""
    start = chooser.randrange(len(content) + 1)
    end = start + chooser.choice((1, 8, 80, 512, 2880))
    return content[:end] + content[start:end] * chooser.choice((1, 1, 3)) + content[end:]


def missing(content: bytes, chooser: Random) -> bytes:
    """A block of the file is missing."""
    start = chooser.randrange(len(content) + 1)
    return content[:start] + content[start + chooser.choice((1, 2, 8, 80, 512, 2880)) :]


def line_changed(content: bytes, chooser: Random) -> bytes:
    """A line is missing, stands twice, is empty, or is at another place."""
    lines = content.split(b"\n")
    at, kind = chooser.randrange(len(lines)), chooser.randrange(4)
    line = lines[at]
    lines[at : at + 1] = ([], [line, line], [b""], [])[kind]
    if kind == 3:
        lines.insert(chooser.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def word_changed(content: bytes, chooser: Random) -> bytes:
    """A word is a huge number, a strange text, very long, or missing."""
    words = list(re.finditer(rb"[^\s,;:]+", content[:20_000]))
    if not words:
        return chooser.choice(STRANGE)
    word = chooser.choice(words)
    others = (chooser.choice(HUGE), chooser.choice(STRANGE), word[0] * 2000, b"", word[0].swapcase(), b"-" + word[0])
    return content[: word.start()] + chooser.choice(others) + content[word.end() :]


def recoded(content: bytes, chooser: Random) -> bytes:
    """The same text in another encoding, with other line ends, or with a byte-order mark."""
    text = content.decode("latin-1")
    encodings = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig")
    changed = [text.encode(one) for one in encodings]
    changed += [content.replace(b"\n", end) for end in (b"\r\n", b"\r", b"\n\n", "\u2028".encode(), b" \n", b"\0\n")]
    return chooser.choice(changed)


def nothing(content: bytes, chooser: Random) -> bytes:
    """Nothing of a file but its start, or only blanks."""
    wholes = (
        b"",
        b" ",
        b"\n",
        b"\r\n\r\n",
        b"\0" * 5000,
        b"\xef\xbb\xbf",
        content[:1],
        content[:2],
        content[:4],
        b"x" * 70_000,
    )
    return chooser.choice(wholes)


def deep(content: bytes, chooser: Random) -> bytes:
    place = chooser.choice((0, chooser.randrange(len(content) + 1)))
    return content[:place] + chooser.choice(DEEP) * chooser.choice((50, 200, 3000)) + content[place:]


def long_line(content: bytes, chooser: Random) -> bytes:
    place = chooser.randrange(len(content) + 1)
    return (
        content[:place]
        + bytes([chooser.choice(b"A,C \t(1\"'=;")]) * chooser.choice((300, 5000, 200_000))
        + content[place:]
    )


BYTES: tuple[Mutation, ...] = (
    *KINDS, *KINDS, inserted, inserted, duplicated, missing, line_changed, line_changed, word_changed, word_changed,
    recoded, nothing, deep, long_line,
)  # fmt: skip


def damaged_bytes(content: bytes, chooser: Random) -> bytes:
    """One damage, seldom two."""
    for _ in range(chooser.choice((1, 1, 1, 2))):
        content = chooser.choice(BYTES)(content, chooser) if content else b""
    return content


def damaged_gzip(content: bytes, chooser: Random) -> bytes:
    """Damage before or after packing; several members, something behind the end, a bomb."""
    packed, kind = gzip.compress(content, 1, mtime=0), chooser.randrange(12)
    if kind < 5:
        return gzip.compress(damaged_bytes(content, chooser), 1, mtime=0)
    if kind < 9:
        return chooser.choice(KINDS)(packed, chooser)
    half = len(content) // 2
    wholes = (
        gzip.compress(content[:half], mtime=0) + gzip.compress(content[half:], mtime=0)[: chooser.choice((10, 10_000))],
        packed + chooser.choice((b"\0" * 512, b"garbage", packed[:12])),
        gzip.compress(packed, mtime=0),
        content,
        packed[:4] + b"\xff" * 4 + packed[8:],
    )
    bomb = gzip.compress(chooser.choice((b"\0", b"C", b"\n", b",")) * BOMB_BYTES, 1, mtime=0)
    return bomb if chooser.random() < 0.03 else chooser.choice(wholes)


def damaged_zip(content: bytes, chooser: Random) -> bytes:
    """Bytes of the archive, or of a member before it is packed; flags of encryption, other methods, odd names."""
    kind = chooser.randrange(10)
    if kind < 4:
        return chooser.choice(KINDS)(content, chooser)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = chooser.randrange(len(members))
    name, inside = members[at]
    if kind < 8:
        members[at] = name, damaged_bytes(inside, chooser)
    elif kind == 8:
        odd = (f"../{name}", f"/{name}", name * 300, "", name.upper(), "con", "a\\b", f"{name}/", "\u202e" + name)
        members[at] = chooser.choice(odd), inside
    else:
        members = chooser.choice((members[:at], [*members, members[at]], members[::-1], members * 3))
    return with_flag(zip_of(members, chooser), chooser) if chooser.random() < 0.15 else zip_of(members, chooser)


def zip_of(members: list[tuple[str, bytes]], chooser: Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", chooser.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, inside in members:
            archive.writestr(zipfile.ZipInfo(name), inside, archive.compression)
    return buffer.getvalue()


def with_flag(content: bytes, chooser: Random) -> bytes:
    """Every member is said to be encrypted, or packed by another method."""
    changed, (offset, value) = bytearray(content), chooser.choice(((0, 1), (2, 99), (2, 14), (2, 9)))
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = changed.find(start)
        while place >= 0:
            changed[place + flags + offset : place + flags + offset + 2] = value.to_bytes(2, "little")
            place = changed.find(start, place + 1)
    return bytes(changed)


MORE_VALUES: tuple[Any, ...] = (
    *OTHERS, math.nan, math.inf, -math.inf, 0, -0.0, 10**30, 2**63, -(2**63), 0.5, 1e-320, "", " ",
    "x" * 5000, "\0", "\u202e", "a\nb", "../../x", "/etc/passwd", "{input}", "$(touch x)", "nan",
    "1e400", [[]], [None], [0] * 300, {"": ""},
    {1: 2}, {"a": {"b": {"c": []}}}, False, ["x", 3, None], "2020-01-01", [1, "x"], "~", "-", "@x",
)  # fmt: skip


def damaged_document(content: bytes, name: str, chooser: Random) -> bytes:
    """A YAML or JSON document with values, keys or bytes changed."""
    document = parsed(content, name)
    if document is None or chooser.random() < 0.25:
        return damaged_bytes(content, chooser)
    changed = copy.deepcopy(document)
    for _ in range(chooser.choice((1, 1, 1, 2, 4))):
        changed = value_changed(changed, chooser, MORE_VALUES)
    return (json.dumps(changed) if name.endswith(".json") else yaml.dump(changed, sort_keys=False)).encode()


def mutate(content: bytes, name: str, chooser: Random) -> bytes:
    """A damage that fits the name of a file."""
    if not content:
        return chooser.choice(STRANGE)
    if name.endswith(".gz"):
        return damaged_gzip(content, chooser)
    if name.endswith((".zip", ".npz", ".whl")):
        return damaged_zip(content, chooser)
    if name.endswith((".json", ".yaml")):
        return damaged_document(content, name, chooser)
    return damaged_bytes(content, chooser)

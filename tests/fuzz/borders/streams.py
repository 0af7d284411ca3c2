"""Files of `compress` whose blocks are changed with checksums that are right, or with any: what comes back is the
original, an error, or the original but for what is said to be lost."""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from astropy.io import fits

import sciencegen as sg
from sciencegen.compression.archive import read_header
from sciencegen.compression.stream import read_stream
from tests.compression.blocks import Raw, blocks_of, images, joined, with_right_end
from tests.compression.test_old_format import OLD
from tests.damaged_documents import value_changed
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import MORE_VALUES, damaged_bytes

Blocks = list[Raw]
CLAIMS = (
    [1, 10**9, 1],
    [10**12, 8, 8],
    [2**40, 2**40],
    [1, 1],
    [0, 5],
    [4, 2**33, 3, 3],
    [1] * 40,
    [8, 8, 1100],
    [7, 10**7],
)
NUMBERS = (0, 1, 2**31, 2**32 - 1)


def table(path: Path) -> None:
    columns = [fits.Column("ID", "J", array=np.arange(300)), fits.Column("MAG", "E", array=np.arange(300) / 7)]
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(images(4, 70, 12, 12).astype(np.float32), name="SCI"),
            fits.BinTableHDU.from_columns(columns, name="CATALOG")]  # fmt: skip
    fits.HDUList(hdus).writeto(path)


def members(path: Path) -> None:
    arrays = {"first": images(2, 60, 9, 9), "second": images(3, 60, 9, 9), "few": images(5, 5, 6), "one": np.array(3.5)}
    np.savez(path, allow_pickle=False, names=np.array(["g", "r"]), **arrays)


def saved(array: np.ndarray, path: Path) -> None:
    np.save(path, array)


FORMS: dict[str, tuple[str, Callable[[Path], None], dict[str, Any]]] = {
    "lossless": (".npy", partial(saved, images(1, 1030, 6, 6)), {}),
    "lossy": (".npy", partial(saved, images(1, 1030, 6, 6).astype(np.float32)), {"quantize": 4.0, "noise": 17.0}),
    "mosaic": (".npy", partial(saved, images(6, 130, 150).astype(np.float32)), {}),
    "stamp": (".npy", partial(saved, images(7, 40, 40).astype(">f4")), {}),
    "table": (".fits", table, {}),
    "members": (".npz", members, {}),
}
OLD_FORMS = {"lossless": ".npy", "lossy": ".npy", "members": ".npz"}


def make() -> Mapping[str, Source]:
    """For each form the file and one that is only partly whole, in the older format too; `forged` ones are described by
    their end as they are, as a hostile program writes them."""
    sources, streams = dict[str, Source](), dict[str, tuple[str, bytes, bytes]]()
    with tempfile.TemporaryDirectory() as folder:
        place, stream, back = Path(folder, "a"), Path(folder, "a.sgc"), Path(folder, "b")
        for name, (ending, write, options) in FORMS.items():
            path, again = place.with_suffix(ending), back.with_suffix(ending)
            path.unlink(missing_ok=True)
            write(path)
            sg.compress("galaxies", path, stream, threads=1, overwrite=True, **options)
            sg.decompress("galaxies", stream, again, threads=1, overwrite=True)
            streams[name] = ending, stream.read_bytes(), again.read_bytes()
        for name, ending in OLD_FORMS.items():
            again = back.with_suffix(ending)
            sg.decompress("galaxies", OLD / f"{name}.sgc", again, threads=1, overwrite=True)
            streams[f"old-{name}"] = ending, (OLD / f"{name}.sgc").read_bytes(), again.read_bytes()
    ORIGINALS.update(streams)
    for name, (_, content, _) in streams.items():
        for way in ("strict", "partial", "forged"):
            spoil = partial(mutate, name=name, forged=way == "forged")
            sources[f"{name}-{way}"] = Source("a.sgc", content, mutate=_as_mutate(spoil), more=f"{name} {way}")
    return sources


def _as_mutate(spoil: Callable[[bytes, Random], bytes]) -> Callable[[bytes, str, Random], bytes]:
    return lambda content, name, chooser: spoil(content, chooser)


ORIGINALS: dict[str, tuple[str, bytes, bytes]] = {}
"""By form: the ending, the stream, and what is restored from it."""


# changes of the blocks; each takes them and a chooser


def swapped(blocks: Blocks, chooser: Random) -> Blocks:
    """Two blocks, or the contents of two."""
    a, b = (chooser.randrange(1, len(blocks)) for _ in range(2))
    found = list(blocks)
    found[a], found[b] = blocks[b], blocks[a]
    if chooser.random() < 0.5:
        found[a], found[b] = blocks[a].with_content(blocks[b].content), blocks[b].with_content(blocks[a].content)
    return found


def dropped(blocks: Blocks, chooser: Random) -> Blocks:
    start = chooser.randrange(len(blocks))
    return blocks[:start] + blocks[start + chooser.choice((1, 1, 1, 2, 5)) :]


def doubled(blocks: Blocks, chooser: Random) -> Blocks:
    start, count = chooser.randrange(len(blocks)), chooser.choice((1, 1, 4))
    to = chooser.choice((start, chooser.randrange(len(blocks) + 1)))
    return blocks[:to] + blocks[start : start + count] + blocks[to:]


def moved(blocks: Blocks, chooser: Random) -> Blocks:
    start, count = chooser.randrange(1, len(blocks)), chooser.choice((1, 3, 4))
    rest = blocks[:start] + blocks[start + count :]
    to = chooser.randrange(len(rest) + 1)
    return rest[:to] + blocks[start : start + count] + rest[to:]


def renumbered(blocks: Blocks, chooser: Random) -> Blocks:
    """Another number, kind or identity."""
    at = chooser.randrange(len(blocks))
    one = blocks[at]
    kind = replace(one, kind=chooser.choice((b"H", b"M", b"R", b"I", b"C", b"E")))
    other = replace(one, number=chooser.choice((*NUMBERS, chooser.randrange(len(blocks)))))
    changed = chooser.choice((kind, one.with_identity(bytes(8)), other)) if one.number is not None else kind
    return [*blocks[:at], changed, *blocks[at + 1 :]]


def spliced(blocks: Blocks, chooser: Random) -> Blocks:
    """Blocks of another file in place of some, with its identity or with this file's."""
    other = blocks_of(ORIGINALS[chooser.choice(sorted(ORIGINALS))][1])
    is_new = any(one.number is not None for one in blocks)
    own = chooser.random() < 0.6
    at, start, count = chooser.randrange(1, len(blocks)), chooser.randrange(1, len(other)), chooser.choice((1, 1, 2, 9))
    taken = [replace(one, number=at + place, identity=blocks[-1].identity if own else one.identity) if is_new
             else replace(one, number=None) for place, one in enumerate(other[start : start + count])]  # fmt: skip
    return blocks[:at] + taken + blocks[at + chooser.choice((0, len(taken))) :]


def described(blocks: Blocks, chooser: Random) -> Blocks:
    """Values of a description are others, missing or of another type."""
    at = chooser.choice([place for place, one in enumerate(blocks) if one.kind in b"HMIE"] or [0])
    try:
        data = blocks[at].json()
    except (ValueError, RecursionError, zlib.error):  # changed before
        return blocks
    for _ in range(chooser.choice((1, 1, 2, 5))):
        data = value_changed(data, chooser, MORE_VALUES) if chooser.random() < 0.8 else _claimed(data, chooser)
    return [*blocks[:at], blocks[at].with_json(data), *blocks[at + 1 :]]


def _claimed(data: object, chooser: Random) -> object:
    """Huge sizes, and other types and methods."""
    if not isinstance(data, dict):
        return data
    found = dict(data)
    claims = {"shape": CLAIMS, "kind": ("<f8", "|u1", ">i2", "|O", "<U9", "<f2"), "method": ("lzma", "predictor", "x"),
              "sizes": ([10**12] * 6, [2**61] * 6, [0, 2**61, 2**40, 0, 0, 0], []),
              "bytes": (0, 10**15), "kinds": ("H" + "C" * 50, "H"), "name": ("../../x", "a\0b", "\ud800", "x" * 70000),
              "container": ("zip", "file"), "version": (2, 3, 4, 10**30), "codings": ([],), "sigmas": ([1e308] * 9,),
              "sha256": (None, "0" * 64), "identity": ("", "00" * 8, "zz")}  # fmt: skip
    name = chooser.choice(sorted(claims.keys() & found.keys()) or ["name"])
    found[name] = chooser.choice(claims[name])
    codings = found.get("codings")
    for coding in codings if isinstance(codings, list) and chooser.random() < 0.3 else []:
        if not isinstance(coding, dict):
            continue
        field = chooser.choice(("sigma", "sky", "scale", "shape", "shift", "experts", "grid"))
        coding[field] = chooser.choice((0, -1, 10**400, [9] * 96, [10**5] * 96, [[1]], None, {}))
    return found


def filled(blocks: Blocks, chooser: Random) -> Blocks:
    """Other content: random bytes, bytes that unpack to very many, JSON that is none, a chunk of another length."""
    at = chooser.randrange(len(blocks))
    content = blocks[at].content
    zeros = chooser.choice((1 << 20, 1 << 26))
    raw = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
    makers: list[Callable[[], bytes]] = [
        lambda: chooser.randbytes(chooser.choice((0, 1, 4, 100, len(content)))),
        lambda: damaged_bytes(content, chooser), lambda: damaged_bytes(content, chooser),
        lambda: content[: chooser.randrange(len(content) + 1)], lambda: content + chooser.randbytes(4),
        lambda: struct.pack("<I", chooser.choice(NUMBERS)) + content[4:],
        lambda: lzma.compress(bytes(zeros), preset=0),
        lambda: lzma.compress(bytes(zeros), lzma.FORMAT_RAW, filters=raw),
        lambda: zlib.compress(bytes(zeros)), lambda: _chunk_of(zlib.compress(bytes(zeros))),
        lambda: _chunk_of(zlib.compress(b"\xff" * 9000)),
        lambda: zlib.compress(b"[" * 100_000), lambda: zlib.compress(b'{"name": ' + b"9" * 5000 + b"}"),
        lambda: zlib.compress(b"\xff\xfe{"), lambda: zlib.compress(b"[1]"),
        lambda: zlib.compress(b"NaN"),
    ]  # fmt: skip
    return [*blocks[:at], blocks[at].with_content(chooser.choice(makers)()), *blocks[at + 1 :]]


def _chunk_of(beside: bytes) -> bytes:
    return struct.pack("<I", len(beside)) + beside + bytes(-len(beside) % 4)


CHANGES = (swapped, dropped, doubled, moved, renumbered, spliced, described, described, filled, filled)


def mutate(content: bytes, chooser: Random, name: str, forged: bool) -> bytes:
    """One change of the blocks, seldom more, and seldom one of the bytes."""
    blocks = blocks_of(content)
    if chooser.random() < 0.15 and not forged:
        return chooser.choice((damaged_bytes(content, chooser), content[: chooser.randrange(len(content))]))
    for _ in range(chooser.choice((1, 1, 1, 2, 3))):
        blocks = chooser.choice(CHANGES)(blocks, chooser) if len(blocks) > 1 else blocks
    if forged:
        numbered = [replace(one, number=None if one.number is None else at) for at, one in enumerate(blocks)]
        with suppress(
            ValueError, AttributeError, TypeError, KeyError, RecursionError, zlib.error
        ):  # an end that was itself changed
            blocks = with_right_end(numbered)
    found = joined(blocks)
    return found[: chooser.randrange(len(found))] if chooser.random() < 0.1 and not forged else found


# what must hold of what comes back


def use(path: Path, source: Source) -> Found:
    form, way = source.more.split()
    ending, _, original = ORIGINALS[form]
    back = path.with_name(f"back{ending}")
    try:
        found = sg.decompress("galaxies", path, back, threads=1, partial=way != "strict")
        content = back.read_bytes()
    finally:
        back.unlink(missing_ok=True)
    others = [one for _, _, one in ORIGINALS.values()]  # a whole file in place of this one
    if content != original and way != "forged" and (content not in others or way == "strict"):
        lost = [note for note in found.notes if note.startswith("lost: ")]
        is_open = any("doesn't guarantee" in note for note in found.notes)
        assert lost or is_open, f"another content in silence: {found.notes}"
        if not is_open:
            if "lost: the end of the file" in lost and made_up(path, form):
                assert any("by its own checksum alone" in note for note in found.notes)  # all that can be known
            else:
                check_exact(content, original, ending, lost, layout_of(form))
    return Found()


def made_up(path: Path, form: str) -> bool:
    """Whether there are blocks with a number, an identity and a checksum that are right, and a content of their own."""
    sound = [(one.kind, hashlib.sha256(one.content).digest()[:8]) for one in blocks_of(ORIGINALS[form][1])]
    found = read_stream(path, read_header(path)).blocks.values()
    return any((one.kind, one.digest) != (*sound, None)[min(one.number, len(sound))] for one in found)


Parts = list[tuple[str, int, int, Any]]
"""(member, start, stop in it, block number or description of an image) of each part of the original."""


def layout_of(form: str) -> Parts:
    """Where parts are, by the blocks of the sound stream."""
    _, stream, _ = ORIGINALS[form]
    parts, member, at = [], "", 0
    blocks = blocks_of(stream)
    sizes = blocks[-1].json().get("sizes")
    for number, block in enumerate(blocks):
        if block.kind == b"M":
            member, at = block.json()["name"], 0
        if block.kind in b"RI":
            data = block.json() if block.kind == b"I" else None
            size = sizes[number] if sizes else len(lzma.decompress(block.content)) if data is None else (
                int(np.prod(data["shape"])) * np.dtype(data["kind"]).itemsize)  # fmt: skip
            parts.append((member, at, at + size, number if data is None else data))
            at += size
    return parts


def check_exact(content: bytes, original: bytes, ending: str, lost: list[str], parts: Parts) -> None:
    """Every byte that differs is in a part that is said to be lost."""
    found, expected = members_of(content, ending), members_of(original, ending)
    renamed = dict(re.findall(r"the name of member (\d+), which is called (\S+) here", "\n".join(lost)))
    names = {list(expected)[int(one) - 1]: name for one, name in renamed.items() if int(one) <= len(expected)}
    is_open = any(re.search("whose place isn't known|the end of the file", one) for one in lost)
    for member, whole in expected.items():
        back = found.pop(names.get(member, member), None)
        if back is None:
            assert is_open, f"member {member} is missing in silence: {lost}"
            continue
        assert len(back) <= len(whole), f"{len(back)} bytes for {len(whole)}: {lost}"
        assert len(back) == len(whole) or is_open, f"{len(back)} bytes for {len(whole)}: {lost}"
        differs = np.frombuffer(back, np.uint8) != np.frombuffer(whole[: len(back)], np.uint8)
        differs &= ~said(lost, parts, member, len(back))
        assert not differs.any(), f"byte {np.flatnonzero(differs)[0]} of {member} differs, lost: {lost}"
    assert not found, f"more members: {sorted(found)}"


def members_of(content: bytes, ending: str) -> dict[str, bytes]:
    if ending != ".npz":
        return {"": content}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist()), "a member stands twice"
        return {name: archive.read(name) for name in archive.namelist()}


def said(lost: list[str], parts: Parts, member: str, size: int) -> np.ndarray:
    """The bytes of a member that are said to be lost."""
    whole, number = np.zeros(max(stop for _, _, stop, _ in parts), bool), 0
    for owner, start, stop, what in parts:
        number += isinstance(what, dict)
        for text in lost if owner == member else []:
            if isinstance(what, dict) and re.search(rf"\bimage {number}\b", text):
                place = re.search(
                    r"chunk \d+ of \d+ of .*?\((images|pixels|tiles) (\d+) to (\d+)(?: of (\d+) x (\d+))?", text
                )
                whole[start:stop] |= pixels_of(place, what) if place else True
            if isinstance(what, int) and re.search(rf"lost: block {what}\b", text):
                whole[start:stop] = True
    return whole[:size]


def pixels_of(place: re.Match[str], data: dict[str, Any]) -> np.ndarray:
    """The bytes of an image that are in a chunk, by its words."""
    kind, first, last = place[1], int(place[2]) - 1, int(place[3])
    shape, width = data["shape"], np.dtype(data["kind"]).itemsize
    if kind == "tiles":
        tile, whole = (int(place[4]), int(place[5])), np.zeros(shape, bool)
        rows, columns = (
            range(0, side - one + 1, 64) if one == 64 else [side - one] for side, one in zip(shape, tile, strict=True)
        )
        corners = [(y, x) for y in rows for x in columns][first:last]
        for y, x in corners:
            whole[y : y + tile[0], x : x + tile[1]] = True
        return np.repeat(whole.reshape(-1), width)
    step = width * (shape[-1] * shape[-2] if kind == "images" else 1)
    found = np.zeros(int(np.prod(shape)) * width, bool)
    found[first * step : last * step] = True
    return found


BORDER = Border("streams", make, use)

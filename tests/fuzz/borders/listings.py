"""Folders of files as inputs: beside sound files stand pipes, loops of links, folders and odd names."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random

from sciencegen.api.science import domain_of
from tests.domains.contract_examples import examples
from tests.fuzz.borders.items import read_items
from tests.fuzz.cases import Border, Found, Source

DOMAINS = {"proteins/structures": (".pdb", ".cif", ".pdb.gz"), "galaxies": (".fits", ".h5", ".fits.gz")}
NAMES = (
    b"a", b"a\nb", b"\xff\xfe", "é".encode(), b" a ", b"-a", b"a[1]", b"a:B", b"=a", b"a.b", b"\x1b[31m", b"x" * 200,
)  # fmt: skip
KINDS: Mapping[str, Callable[[bytes], None]] = {
    "sound": lambda path: None,
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "loop": lambda path: os.symlink(path, path),
    "above": lambda path: os.symlink(b"..", path),
    "nowhere": lambda path: os.symlink(b"/nonesuch", path),
    "endless": lambda path: os.symlink(b"/dev/zero", path),
    "memory": lambda path: os.symlink(b"/proc/self/mem", path),
    "empty": lambda path: Path(os.fsdecode(path)).touch(),
    "cut": lambda path: Path(os.fsdecode(path)).write_bytes(b"\x1f\x8b\x08\0\0"),
}


@cache
def sound_file(domain: str, ending: str) -> bytes:
    """A file of one item."""
    items = domain_of(domain).items
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"one{ending}"
        items.write(path, [items.parse(examples(domain)[0])], ["one"], {})
        return path.read_bytes()


def drawn(content: bytes, name: str, chooser: Random) -> bytes:
    """Entries of a folder: kind, number of the name, number of the ending."""
    kinds = ["sound", *(chooser.choice(list(KINDS)) for _ in range(chooser.randrange(6)))]
    return json.dumps([[kind, chooser.randrange(len(NAMES)), chooser.randrange(3)] for kind in kinds]).encode()


def make() -> Mapping[str, Source]:
    for domain, endings in DOMAINS.items():
        for ending in endings:
            sound_file(domain, ending)
    content = json.dumps([["sound", at, at % 3] for at in range(len(NAMES))]).encode()
    return {domain: Source(f"{at}.list", content, mutate=drawn, more=domain) for at, domain in enumerate(DOMAINS)}


def use(path: Path, source: Source) -> Found:
    """Make the folder and read it: each sound file is one item, whatever stands beside it."""
    folder = path.parent / "listing"
    folder.mkdir()
    try:
        sound = _fill(folder, json.loads(path.read_bytes()), source.more)
        found = read_items(source.more, folder)
        assert found.read >= sound, f"{sound} sound files, {found.read} items: {found.reasons}"
        return found
    finally:
        shutil.rmtree(folder)


def _fill(folder: Path, entries: list[tuple[str, int, int]], domain: str) -> int:
    sound = 0
    for at, (kind, name, ending) in enumerate(entries):
        end = DOMAINS[domain][ending]
        place = os.path.join(os.fsencode(folder), b"%d" % at + NAMES[name] + end.encode())
        KINDS[kind](place)
        if kind == "sound":
            Path(os.fsdecode(place)).write_bytes(sound_file(domain, end))
            sound += b"\n" not in NAMES[name] or domain != "galaxies"  # whose references are lines
    return sound


BORDER = Border("listings", make, use, share=0.3)

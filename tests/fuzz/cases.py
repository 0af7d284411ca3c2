"""What a border is, and the cases that are drawn for it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from sciencegen.data.damage import GZIP_START
from tests.fuzz.mutations import mutate

Spoil = Callable[[Random], bytes]


@dataclass(frozen=True)
class Source:
    """A sound file.

    name: its path in the folder of the case; the ending says how it is read. content: its bytes, unpacked if it is a
    gzip file. items: how many it holds. spoil: the content with one item spoilt, which leaves the others and their
    number as they are. refusable: whether one such item may refuse the file. more: of the border, such as the domain.
    blurred: how many items a spoilt one may join, so that the file holds fewer.
    """

    name: str
    content: bytes
    items: int = 0
    spoil: Spoil | None = None
    refusable: bool = False
    mutate: Callable[[bytes, str, Random], bytes] = mutate
    more: str = ""
    blurred: int = 0

    def as_file(self, content: bytes) -> bytes:
        return (
            gzip.compress(content, 1, mtime=0) if self.name.endswith(".gz") and content[:2] != GZIP_START else content
        )


@dataclass(frozen=True)
class Found:
    """What became of a file's items, with the reasons of refusals."""

    read: int = 0
    reasons: Sequence[str] = ()

    @property
    def total(self) -> int:
        return self.read + len(self.reasons)


@dataclass(frozen=True)
class Border:
    """name: for the table. make: its sources by name. use: reads the file of a source at a path. prepare: fills the
    folder of the cases, once. share: its number of cases, of the number that is asked for."""

    name: str
    make: Callable[[], Mapping[str, Source]]
    use: Callable[[Path, Source], Found]
    prepare: Callable[[Path], None] = lambda folder: None
    share: float = 1.0

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return self.make()


@dataclass(frozen=True)
class Case:
    """A file to read: `content` in the place of the source's. items: how many must be read or refused, unless the file
    is; sound: how many must be read. refusable: whether the file may be refused."""

    source: str
    content: bytes
    items: int = 0
    sound: int = 0
    refusable: bool = True


def draw(border: Border, seed: int, number: int) -> Case:
    """The case with a number, the same whatever was drawn before."""
    chooser = Random(f"{border.name} {seed} {number}")
    name = chooser.choice(sorted(border.sources))
    source = border.sources[name]
    if source.spoil is not None and chooser.random() < 0.4:
        content, items = source.as_file(source.spoil(chooser)), source.items
        return Case(name, content, items - source.blurred, items - 1, source.refusable)
    return Case(name, source.mutate(source.content, source.name, chooser))


def whole(name: str, source: Source) -> Case:
    """The undamaged file."""
    return Case(name, source.as_file(source.content), source.items, source.items, False)

"""The optional part `CodedFiles`: files with images that `compress` codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sciencegen.compression.parts import Part


@dataclass(frozen=True, kw_only=True)
class CodedFiles:
    """Files whose images are coded.

    Parameters
    ----------
    formats : tuple of str
        File endings, such as ".fits".
    parts : (path) -> parts
        The bytes of a file in order, with its images as arrays. Those that must not lose anything, such as maps of
        variance, say so.
    """

    formats: tuple[str, ...]
    parts: Callable[[Path], Iterator[Part]]

"""Laws of the optional parts for files of images: `coded_files` and `cutouts`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from sciencegen.compression.parts import Member, Part, Picture
from sciencegen.config import CutoutSettings
from sciencegen.domains.laws import Law, Subject
from sciencegen.errors import SciencegenError


def lossy_parts(subject: Subject) -> str:
    """A file of items whose parts, one after the other, aren't its bytes."""
    coded, items = subject.domain.coded_files, subject.domain.items
    if coded is None:
        return ""
    for ending in coded.formats:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"items{ending}")
            try:
                items.write(path, subject.items, [str(number) for number in range(len(subject.items))], {})
            except (SciencegenError, ValueError):  # the domain doesn't write this format
                continue
            parts = list(coded.parts(path))
            if any(isinstance(part, Member) for part in parts) or path.name.lower().endswith(".gz"):
                continue
            found = b"".join(map(_bytes, parts))
            if found != path.read_bytes():
                return f"{len(found)} bytes of a {ending} file of {path.stat().st_size}, or other ones"
    return ""


def _bytes(part: Part) -> bytes:
    if isinstance(part, Picture):
        return np.ascontiguousarray(part.array).tobytes()
    return part if isinstance(part, bytes) else b""


def cuts_of_nothing(subject: Subject) -> str:
    """An image that doesn't exist, without an error."""
    cutouts = subject.domain.cutouts
    if cutouts is None:
        return ""
    for ending in cutouts.formats:
        with tempfile.TemporaryDirectory() as folder:
            try:
                cutouts.cut(Path(folder, f"none{ending}"), Path(folder, "none.csv"), CutoutSettings())
            except SciencegenError:
                continue
            return f"no error of a {ending} file that doesn't exist"
    return ""


IMAGE_LAWS = (
    Law("coded_files", "the parts of a file, one after the other, are its bytes", lossy_parts,
        "Yield headers and padding too."),
    Law("cutouts", "errors of the files are raised by the call", cuts_of_nothing,
        "Open the image before the first cut; return a generator, don't be one."),
)  # fmt: skip

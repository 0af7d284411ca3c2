"""The parts of .npy and .npz files: their headers as bytes, and their arrays as images. No array is unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from sciencegen.compression.images import is_image
from sciencegen.compression.parts import Member, Part, Picture
from sciencegen.data.damage import reading

PIECE = 1 << 24
"""Bytes that are read at once."""


def array_parts(path: Path) -> Iterator[Part]:
    """The parts of an .npy file, or of each member of an .npz file."""
    with reading("a file of arrays", path):
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                yield from npy_parts(file)
            return
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "" in names or len(set(names)) < len(names):
                raise ValueError("members without a name of their own")
            for member in archive.infolist():
                yield Member(member.filename)
                with archive.open(member) as file:
                    yield from npy_parts(file)


def npy_parts(file: IO[bytes]) -> Iterator[Part]:
    """The header of an array, and its numbers as an image if they are one, else as bytes. Other files are bytes."""
    start = file.read(len(np.lib.format.MAGIC_PREFIX) + 2)
    if start[:-2] != np.lib.format.MAGIC_PREFIX or start[-2] not in (1, 2):
        yield start
        yield from _rest(file)
        return
    length = file.read(2 if start[-2] == 1 else 4)
    text = file.read(int.from_bytes(length, "little"))
    yield start + length + text
    whole = io.BytesIO(length + text)
    read = np.lib.format.read_array_header_1_0 if start[-2] == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(whole)
    if kind.hasobject or not is_image(np.empty((0,) * len(shape) if 0 in shape else (1,) * len(shape), kind)):
        yield from _rest(file)
        return
    size = int(np.prod(shape)) * kind.itemsize
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{len(content)} bytes of an array of {size}")
    array = np.frombuffer(content, kind).reshape(shape[::-1] if fortran else shape)
    yield Picture(array)
    yield from _rest(file)


def _rest(file: IO[bytes]) -> Iterator[bytes]:
    while content := file.read(PIECE):
        yield content

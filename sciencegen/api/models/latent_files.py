"""Latents that a user gives: in files, or as an array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sciencegen.data.damage import reading
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.files import check_regular

ARRAY_FILES = (b"\x93NUMPY", b"PK")
"""How .npy and .npz files begin."""


def read_latents(path: Path, size: int) -> np.ndarray:
    """Read an .npy file, or the array `latent` of an .npz, and check it."""
    check_regular(path, "latents")
    with reading("an .npz with an array `latent`, as encode makes it,", path):
        with open(path, "rb") as file:
            if not file.read(len(ARRAY_FILES[0])).startswith(ARRAY_FILES):
                raise TypeError("it is neither .npy nor .npz")  # numpy would take it for a pickle
        content = np.load(path, allow_pickle=False)
        latents = content if isinstance(content, np.ndarray) else content["latent"]
        if not isinstance(latents, np.ndarray):  # a member of an .npz that is no array is read as bytes
            raise TypeError("'latent' is no array")
    return check_latents(latents, size, str(path))


def check_latents(latents: np.ndarray, size: int, place: str) -> np.ndarray:
    """Check the type and shape of latents [item size]; returns them in single precision."""
    limit = np.finfo(np.float32).max
    if latents.ndim != 2 or latents.dtype.kind != "f" or not (np.abs(latents) <= limit).all():
        raise DataError(
            f"Expected finite numbers [item latent] of at most {limit:g} in {place}, got {latents.dtype} "
            f"{latents.shape}."
        )
    if latents.shape[1] != size:
        raise IncompatibleError(
            f"Expected latents of {size} numbers for this model, {place} holds {latents.shape[1]}. "
            "Pass `model` with the model that made them."
        )
    return latents.astype(np.float32)

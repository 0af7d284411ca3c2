"""Weights of a network as a safetensors file, and a cache of slow computations that depend only on a trained model.

Tensors with many zeros can be stored as a bit mask and their values.

A tensor `name` that is stored sparsely is two tensors: `name.mask`, a bit for each number in C order (8 to a byte, the
first in the highest bit), and `name.values`, the numbers whose bit is 1. The file's metadata have the shapes of all
such tensors under the key `sparse`, as JSON. Other tensors are stored as they are.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciencegen.data.fetch import cache_root
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.files import atomic_write, sha256_of

SPARSE = "sparse"
MASK, VALUES = ".mask", ".values"

WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Bytes of a number -> the integer of that size, which shows whether any of its bits is set."""


def weights_content(state: Mapping[str, Tensor], sparse: bool = False) -> bytes:
    """The bytes of a file of weights.

    Parameters
    ----------
    state : mapping of str to Tensor
        A network's `state_dict`.
    sparse : bool
        Whether to store each tensor as a bit mask and values where that is smaller.

    Returns
    -------
    bytes

    Examples
    --------
    >>> import torch
    >>> from sciencegen.data.weights import read_weights, weights_content
    >>> state = {"layer.weight": torch.zeros(100, 100)}
    >>> len(weights_content(state)) > 20 * len(weights_content(state, sparse=True))
    True
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, value in state.items():
        dense = value.detach().cpu().contiguous()
        parts = _parts(name, dense) if sparse else {}
        if parts and _size(*parts.values()) < _size(dense) and not parts.keys() & state.keys():
            tensors |= parts
            shapes[name] = list(dense.shape)
        else:
            tensors[name] = dense
    return save(tensors, {SPARSE: json.dumps(shapes)} if shapes else None)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file of weights by name, as dense ones, bit for bit as they were saved.

    Parameters
    ----------
    path : str or Path
        A file of `weights_content`, or any safetensors file.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    IncompatibleError
        If mask, values and shape of a tensor don't fit together.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        metadata = file.metadata() or {}
    for name, shape in _shapes(metadata.get(SPARSE, "{}")).items():
        mask, values = tensors.pop(name + MASK, None), tensors.pop(name + VALUES, None)
        if mask is None or values is None or name in tensors:
            raise IncompatibleError(f"Expected {name}{MASK} and {name}{VALUES} alone in {path}, found others.")
        tensors[name] = _dense(mask, values, shape, f"{name} in {path}")
    return tensors


def _parts(name: str, dense: Tensor) -> dict[str, Tensor]:
    flat = dense.flatten()
    if flat.is_complex() or flat.dtype == torch.bool or not len(flat):
        return {}
    kept = flat.view(WORDS[flat.element_size()]) != 0  # -0.0 is kept too
    return {name + MASK: torch.from_numpy(np.packbits(kept.numpy())), name + VALUES: flat[kept]}


def _dense(mask: Tensor, values: Tensor, shape: tuple[int, ...], what: str) -> Tensor:
    count = math.prod(shape)
    fits = mask.dtype == torch.uint8 and mask.ndim == values.ndim == 1 and len(mask) == -(-count // 8)
    kept = torch.from_numpy(np.unpackbits(mask.numpy())[:count]).bool() if fits else None
    if kept is None or int(kept.sum()) != len(values):
        raise IncompatibleError(f"Expected a bit for each number of {what} and a value for each set bit, found others.")
    dense = torch.zeros(count, dtype=values.dtype)
    dense[kept] = values
    return dense.view(shape)


def _shapes(text: str) -> dict[str, tuple[int, ...]]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise IncompatibleError(f"Expected shapes of tensors by name in the metadata, found {text[:80]}.")
    return {name: tuple(map(int, shape)) for name, shape in found.items()}


def _size(*tensors: Tensor) -> int:
    """Bytes of tensors in a file, about: each has an entry of some hundred bytes in the header."""
    return sum(one.numel() * one.element_size() + 128 for one in tensors)


# Computations that depend only on a trained model.

FOLDER = "models"
"""Folder in the cache."""

LIBRARIES = ("numpy", "scipy", "torch")

_UNUSABLE = (OSError, ValueError, RuntimeError, ConfigError)
"""Errors of a cache that can't be written, is damaged, or has no home folder."""


def remembered(files: Sequence[Path], more: Sequence[Any], name: str, make: Callable[[], Any]) -> Any:
    """The result of `make`, which must be JSON data, from the cache if it was computed with the same files, code,
    libraries and `more`. If the cache can't be used, the result is computed."""
    with suppress(*_UNUSABLE):
        return json.loads(_place(files, more, name).read_text(encoding="utf-8"))
    made = make()
    with suppress(*_UNUSABLE), atomic_write(_place(files, more, name)) as file:
        json.dump(made, file)
    return made


def _place(files: Sequence[Path], more: Sequence[Any], name: str) -> Path:
    inputs = [*map(str, more), _code(), *map(version, LIBRARIES), *map(sha256_of, files)]
    return cache_root() / FOLDER / f"{name}-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]}.json"


@cache
def _code() -> str:
    """The checksum of this package's own code."""
    folder = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}".encode())
    return digest.hexdigest()

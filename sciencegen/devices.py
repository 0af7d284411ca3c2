"""Devices: that of computations that no model brings (distances of sets of items, Gaussian processes of plates), chunks
that fit its memory, and number formats that it computes fast with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sciencegen.errors import ConfigError

if TYPE_CHECKING:
    import torch

_DEVICE: ContextVar[str] = ContextVar("device", default="cpu")


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """A block whose computations run on `device`: cpu, cuda or mps.

    Examples
    --------
    >>> from sciencegen.devices import computing_device, computing_on
    >>> with computing_on("cuda"):
    ...     computing_device()
    'cuda'
    >>> computing_device()
    'cpu'
    """
    token = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(token)


def computing_device() -> str:
    """The device of the innermost block; the CPU outside of any, and for MPS, which lacks double precision and some
    operations."""
    device = _DEVICE.get()
    return "cpu" if device == "mps" else device


# A chunk of rows that does not fit an accelerator's memory is computed in halves.

Result = TypeVar("Result")

HALVED = (
    "The accelerator's memory is too small for a whole chunk, so chunks are computed in halves: slower, and rounded "
    "otherwise in the last digits. `device` cpu computes them whole."
)


def halved_to_fit(compute: Callable[[slice], Result], count: int, join: Callable[[Sequence[Result]], Result]) -> Result:
    """compute(rows) of rows 0 to `count`; if the memory is too small, of halves of these, joined in order.

    Rows must be independent. What fits is computed at once, since rounding depends on the number of rows.
    """
    return _halved(compute, slice(0, count), join)


def _halved(compute: Callable[[slice], Result], rows: slice, join: Callable[[Sequence[Result]], Result]) -> Result:
    import torch

    try:
        return compute(rows)
    except torch.cuda.OutOfMemoryError as error:
        reason = str(error).partition("\n")[0]
    # outside of `except`, whose traceback keeps tensors alive
    torch.cuda.empty_cache()
    middle = (rows.start + rows.stop) // 2
    if middle == rows.start:
        raise ConfigError(
            f"Expected room for one item in the accelerator's memory, got: {reason} "
            "Pass `device` cpu, or free the memory that other programs hold."
        )
    warnings.warn(HALVED, stacklevel=1)  # always from this line with equal text, so that Python shows it once
    parts = [_halved(compute, half, join) for half in (slice(rows.start, middle), slice(middle, rows.stop))]
    return join(parts)


# Number formats.

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_CAPABILITY = (8, 0)
"""Of GPUs; earlier ones emulate it (CUDA C++ Programming Guide, "Compute Capabilities")."""


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32: GPUs, and processors with AVX512-BF16.

    Others only emulate them. Processors are told apart on Linux alone; elsewhere the answer is no.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= BFLOAT16_CAPABILITY
    return device.type == "cpu" and _has_flag("avx512_bf16") and _gets_all_threads()


def _gets_all_threads() -> bool:
    """Whether OpenMP gives as many threads as torch asks for. With fewer, oneDNN returns products in bfloat16 of which
    parts were not computed."""
    import torch

    limit, threads = os.environ.get("OMP_THREAD_LIMIT", "").strip(), torch.get_num_threads()
    is_dynamic = os.environ.get("OMP_DYNAMIC", "").strip().lower() == "true"
    return threads == 1 or not (is_dynamic or (limit.isdigit() and int(limit) < threads))


@cache
def _has_flag(name: str) -> bool:
    """Whether Linux names this feature of the processor."""
    return CPU_FLAGS.is_file() and name in CPU_FLAGS.read_text().split()

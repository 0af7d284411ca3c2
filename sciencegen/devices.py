"""The device of computations that no model brings: distances of sets of items, and Gaussian processes of plates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from sciencegen.errors import ConfigError

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

"""The device of computations that no model brings: distances of sets of items, and Gaussian processes of plates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


__all__ = ["computing_device", "computing_on"]

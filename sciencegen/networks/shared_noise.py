"""Noise of a batch that several processes share: that of a row is the one that a single process would have drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

from sciencegen.errors import ShapeError

DRAWS: tuple[Callable[..., Tensor], ...] = (torch.rand, torch.randn, torch.randint)
"""Functions whose last argument, or arguments, are sizes."""
KNOWN: tuple[Callable[..., Tensor], ...] = (*DRAWS, torch.randperm)


@dataclass(frozen=True)
class Share:
    """The rows of a process: `rank`, `rank + world`, ... of the `rows` of the whole batch."""

    rank: int
    world: int
    rows: int

    @property
    def own(self) -> slice:
        return slice(self.rank, None, self.world)

    @property
    def count(self) -> int:
        return len(range(self.rank, self.rows, self.world))


_SHARE: ContextVar[Share | None] = ContextVar("share", default=None)


def whole_batch(count: int) -> tuple[int, slice]:
    """The number of rows of the whole batch, and which of them a part of `count` rows holds: all, unless shared."""
    share = _SHARE.get()
    return (share.rows, share.own) if share is not None and share.count == count else (count, slice(None))


def mean_of_processes(value: Tensor) -> Tensor:
    """The mean of a number, without gradient, over the processes that share a batch: of a mean over their rows the one
    over the whole batch."""
    share = _SHARE.get()
    if share is None:
        return value
    total = value.detach().clone()
    torch.distributed.all_reduce(total)
    return total / share.world


class SharedNoise(TorchFunctionMode):
    """A block in which noise with a dimension of this process's rows is drawn for all rows, and its part is kept.

    Parameters
    ----------
    share : Share
    others : Generator
        Of noise that has no such dimension, such as that of rows times samples in one: each process has its own.
        Single numbers and noise of the whole batch are the same in all processes.

    Examples
    --------
    >>> import torch
    >>> from sciencegen.networks.shared_noise import Share, SharedNoise
    >>> seeded = lambda: torch.Generator().manual_seed(0)
    >>> with SharedNoise(Share(rank=1, world=2, rows=6), torch.Generator().manual_seed(1)):
    ...     own = torch.randn(3, 2, generator=seeded())
    >>> torch.equal(own, torch.randn(6, 2, generator=seeded())[1::2])
    True
    """

    def __init__(self, share: Share, others: Generator) -> None:
        super().__init__()
        self.share, self.others = share, others
        self._before: list[Token[Share | None]] = []

    def __enter__(self) -> SharedNoise:
        self._before.append(_SHARE.set(self.share))
        super().__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)
        _SHARE.reset(self._before.pop())

    def __torch_function__(
        self, func: Callable[..., object], types: Sequence[type], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:  # fmt: skip
        named = dict(kwargs or {})
        if named.get("generator") is not None:
            for draw in KNOWN:
                if draw is func:
                    return self._drawn(draw, args, named)
        return func(*args, **named)

    def _drawn(self, func: Callable[..., Tensor], args: Sequence[Any], named: dict[str, Any]) -> Tensor:
        is_order = func is torch.randperm
        bounds, size = ([], [int(args[0])]) if is_order else _parts(args, named)
        if not is_order and self.share.count in size:
            place = size.index(self.share.count)
            named.pop("size", None)
            drawn = func(*bounds, (*size[:place], self.share.rows, *size[place + 1 :]), **named)
            return drawn[(slice(None),) * place + (self.share.own,)].contiguous()
        if self.share.rows not in size and prod(size) > 1:
            named["generator"] = self.others
        return func(*args, **named)


def _parts(args: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], list[int]]:
    """The arguments before the size, and the size."""
    if "size" in named:
        return list(args), list(named["size"])
    if isinstance(args[-1], int):  # torch.rand(2, 3)
        return [], list(args)
    return list(args[:-1]), list(args[-1])


# Standard normal noise, and a check of the shape of latents.

LOG_2_PI = math.log(2 * math.pi)


def standard_normal(shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    """Standard normal noise with the type and device of `like`, drawn on the generator's device."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def check_latents(latent: Tensor, latent_size: int) -> None:
    """Raise an error unless latents have the shape [batch latent_size]."""
    if latent.ndim != 2 or latent.shape[1] != latent_size:
        raise ShapeError(f"Expected latents [batch {latent_size}], got {list(latent.shape)}.")

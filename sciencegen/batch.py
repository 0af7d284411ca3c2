"""Batch: named tensors, a mask of real positions, and the condition; used by all models and domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciencegen.errors import ShapeError


@dataclass(frozen=True)
class Batch:
    """A minibatch of any domain.

    fields: named tensors whose first dimension is the item.
    mask: [batch position], True where a position is real; None where items have one size.
    condition: [batch property] standardized values, NaN where a value is missing.
    """

    fields: Mapping[str, Tensor]
    mask: Tensor | None = None
    condition: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {name: value.shape[0] for name, value in self._tensors().items()}
        if len(set(sizes.values())) > 1:
            raise ShapeError(f"Expected one batch size for every tensor of a Batch, got {sizes}.")

    def _tensors(self) -> dict[str, Tensor]:
        optional = {"mask": self.mask, "condition": self.condition}
        return {**self.fields, **{name: value for name, value in optional.items() if value is not None}}

    def __len__(self) -> int:
        return next(iter(self._tensors().values())).shape[0]

    def __getitem__(self, name: str) -> Tensor:
        return self.fields[name]

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with `function` applied to each tensor (move, slice, repeat)."""
        apply = lambda value: None if value is None else function(value)  # noqa: E731
        return Batch({k: function(v) for k, v in self.fields.items()}, apply(self.mask), apply(self.condition))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        return self.map(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in memory from which an accelerator copies it without the host's waiting."""
        return self.map(Tensor.pin_memory)

    def select(self, index: Tensor | slice) -> Batch:
        """The items at `index`."""
        return self.map(lambda value: value[index])

    def repeat_interleave(self, count: int) -> Batch:
        """Each item `count` times in a row, [batch*count ...]; for importance samples."""
        return self.map(lambda value: value.repeat_interleave(count, 0))

    def with_condition(self, condition: Tensor | None) -> Batch:
        return Batch(self.fields, self.mask, condition)


def concatenate(batches: Sequence[Batch]) -> Batch:
    """One batch from several whose fields and sizes agree."""
    first = batches[0]
    join = lambda values: None if values[0] is None else torch.cat(values)  # noqa: E731
    return Batch(
        {name: torch.cat([b.fields[name] for b in batches]) for name in first.fields},
        join([b.mask for b in batches]),
        join([b.condition for b in batches]),
    )


# Items that no model decodes, as rows of the characters of their texts.

TEXT = "text"
"""The field of such a batch."""


def text_batch(texts: Sequence[str], most: int) -> Batch:
    """Texts of at most `most` ASCII characters as a batch; "" is no item.

    Examples
    --------
    >>> texts_of(text_batch(["CCO", ""], 10))
    ['CCO', '']
    """
    rows = [list(text.encode("ascii").ljust(most, b"\0")) for text in texts]
    return Batch({TEXT: torch.tensor(rows, dtype=torch.uint8).reshape(len(rows), most)})


def texts_of(batch: Batch) -> list[str]:
    """The texts of such a batch."""
    return [bytes(row).rstrip(b"\0").decode("ascii") for row in batch[TEXT].tolist()]

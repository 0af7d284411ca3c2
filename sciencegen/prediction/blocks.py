"""What the columns of a table of features are, where it is known: in which ways they may be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ShapeError


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of one kind.

    scaled: each column is bent, centred and scaled by itself; else they are numbers of size one whose common scale says
        something, and taken as they are.
    sparse: which of the two distances uses them; None: that of mostly-zero columns uses those that are.
    near: whether distances and kernels look at them; sums and products of other columns are nothing new to these.
    grown: whether trees do. emphasis: coefficients are penalized by its square less.
    """

    size: int
    scaled: bool = True
    sparse: bool | None = None
    near: bool = True
    grown: bool = True
    emphasis: float = 1.0


@dataclass(frozen=True)
class Roles:
    """The same for each of the columns that are kept."""

    near: Bool[np.ndarray, " column"]
    grown: Bool[np.ndarray, " column"]
    emphasis: Float[np.ndarray, " column"]


def blocks_of(size: int, blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks, checked to fill the table; without any the whole table is one."""
    blocks = blocks or [Block(size)]
    if sum(block.size for block in blocks) != size:
        raise ShapeError(f"Expected blocks that fill {size} columns, got {[block.size for block in blocks]}.")
    return blocks


def of_columns(blocks: Sequence[Block], name: str) -> np.ndarray:
    """A field of the blocks, for each column."""
    return np.repeat([getattr(block, name) for block in blocks], [block.size for block in blocks])


def roles_of(blocks: Sequence[Block], kept: Int[np.ndarray, " kept"]) -> Roles:
    """Roles of the kept columns. kept: their places in the table that the blocks fill."""
    near, grown, emphasis = (of_columns(blocks, name)[kept] for name in ("near", "grown", "emphasis"))
    return Roles(near, grown, emphasis.astype(float))


def joined_roles(parts: Sequence[Roles]) -> Roles:
    """Roles of several tables that are put side by side in this order."""
    near, grown, emphasis = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("near", "grown", "emphasis")
    )
    return Roles(near, grown, emphasis)

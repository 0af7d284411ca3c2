"""How the columns of a feature table are scaled, and which models use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ShapeError


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of one kind.

    scaled: whether each column is transformed, centred and scaled by itself. Otherwise the columns have a meaningful
        common scale near 1 and are used unchanged.
    sparse: whether the distance over sparse columns uses them (else the one over dense columns); None: columns that are
        mostly zero count as sparse.
    near: whether distances and kernels use them; sums and products of other columns add nothing to these.
    grown: whether trees use them. emphasis: the penalty on their coefficients is divided by its square.
    """

    size: int
    scaled: bool = True
    sparse: bool | None = None
    near: bool = True
    grown: bool = True
    emphasis: float = 1.0


@dataclass(frozen=True)
class Roles:
    """The same-named fields of `Block`, for each kept column."""

    near: Bool[np.ndarray, " column"]
    grown: Bool[np.ndarray, " column"]
    emphasis: Float[np.ndarray, " column"]


def blocks_of(size: int, blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks, checked to cover all columns; by default one block of all columns."""
    blocks = blocks or [Block(size)]
    if sum(block.size for block in blocks) != size:
        raise ShapeError(f"Expected blocks that fill {size} columns, got {[block.size for block in blocks]}.")
    return blocks


def of_columns(blocks: Sequence[Block], name: str) -> np.ndarray:
    """One field of the blocks, repeated for each column."""
    return np.repeat([getattr(block, name) for block in blocks], [block.size for block in blocks])


def roles_of(blocks: Sequence[Block], kept: Int[np.ndarray, " kept"]) -> Roles:
    """Roles of the kept columns. kept: their places in the table that the blocks fill."""
    near, grown, emphasis = (of_columns(blocks, name)[kept] for name in ("near", "grown", "emphasis"))
    return Roles(near, grown, emphasis.astype(float))


def joined_roles(parts: Sequence[Roles]) -> Roles:
    """Roles of several tables whose columns are concatenated in this order."""
    near, grown, emphasis = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("near", "grown", "emphasis")
    )
    return Roles(near, grown, emphasis)

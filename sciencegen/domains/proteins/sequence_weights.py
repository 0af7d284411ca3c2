"""Weights of the sequences of an alignment, which are small for sequences with many similar ones.

    weight_i = 1 / #{j : matches(i, j) / residues(i) > identity}

matches(i, j) is the number of columns in which both have the same residue, residues(i) the number of those in which i
has a residue; j includes i. A row of gaps alone has weight 0. Hopf et al. 2017, with the strict ">" and the float64
division of EVE (Frazer et al. 2021), so that the weights equal EVE's for theta = 1 - identity to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sciencegen.data.threads import map_threaded
from sciencegen.domains.proteins.bit_planes import BLOCK, BitPlanes, differing, matching, matching_pairs, pack
from sciencegen.domains.proteins.items import GAP
from sciencegen.errors import ConfigError

SCREENING_PLANES = 2
"""Two of five planes distinguish three quarters of the pairs of different residues, in a third of the time."""
ROWS_PER_TASK = 512
PAIRS_AT_ONCE = 1 << 15
DENSE = 0.1
"""If a larger share of a block's pairs passes the screening, all pairs are compared instead of only these."""


def sequence_weights(
    rows: UInt8[np.ndarray, "sequence column"], identity: float = 0.8, threads: int = 0, device: str = "cpu"
) -> Float[np.ndarray, " sequence"]:
    """The weight of each row of residue numbers. threads: 0 uses all cores available to the process. device: "cuda"
    compares rows by matrix products on the GPU; the weights are the same."""
    if not 0 <= identity < 1:
        raise ConfigError(f"Expected an identity of at least 0 and below 1, got {identity}. EVE uses 0.8.")
    least = least_matches(rows.shape[1], identity)[(rows != GAP).sum(1)]
    if device == "cpu":
        count = count_neighbours(rows, least, threads or _cores())
    else:
        count = count_neighbours_by_products(rows, least, device)
    return np.divide(1.0, count, out=np.zeros(len(rows)), where=count > 0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def least_matches(columns: int, identity: float) -> Int[np.ndarray, " residues"]:
    """For a row of n residues, the smallest number m of matches with m / n > identity in float64; columns + 1 for 0."""
    residues = np.arange(1, columns + 1)
    near = np.floor(residues * identity).astype(np.int64)[:, None] + np.arange(-1, 3)
    enough = near / residues[:, None] > identity
    return np.concatenate([[columns + 1], near[np.arange(columns), enough.argmax(1)]])


def count_neighbours(
    rows: UInt8[np.ndarray, "sequence column"], least: Int[np.ndarray, " sequence"], threads: int
) -> Int[np.ndarray, " sequence"]:
    """For each row i, the number of rows j, including i, with at least least[i] matches.

    Each pair is compared once: two bit planes give an upper bound of its matches, and the exact number is computed for
    the few remaining pairs.
    """
    packed = pack(rows)
    count = (least <= rows.shape[1]).astype(np.int64)
    tasks = range(0, len(rows), ROWS_PER_TASK)
    for part in map_threaded(lambda start: _count_from(packed, least, start), tasks, threads):
        count += part
    return count


def _count_from(packed: BitPlanes, least: np.ndarray, start: int) -> Int[np.ndarray, " sequence"]:
    """Count neighbours among the pairs (i, j) with i < j and i in the task that begins at `start`."""
    count = np.zeros(len(least), np.int64)
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    for above, beside in _blocks(start, len(least)):
        few = _may_match(packed, least, above, beside)
        few &= np.arange(above.start, above.stop)[:, None] < np.arange(beside.start, beside.stop)
        if few.mean() > DENSE:
            matches = matching(packed, above, beside)
            count[above] += (few & (matches >= least[above, None])).sum(1)
            count[beside] += (few & (matches >= least[beside])).sum(0)
            continue
        place = np.flatnonzero(few)
        waiting.append((place // few.shape[1] + above.start, place % few.shape[1] + beside.start))
        if sum(len(first) for first, _ in waiting) > PAIRS_AT_ONCE:
            _count_pairs(packed, least, waiting, count)
    _count_pairs(packed, least, waiting, count)
    return count


def _blocks(start: int, rows: int) -> Iterator[tuple[slice, slice]]:
    """Pairs of blocks: rows of the task, and rows from the first of these on."""
    stop = min(start + ROWS_PER_TASK, rows)
    for top in range(start, stop, BLOCK[0]):
        for left in range(top, rows, BLOCK[1]):
            yield slice(top, min(top + BLOCK[0], stop)), slice(left, min(left + BLOCK[1], rows))


def _may_match(packed: BitPlanes, least: np.ndarray, above: slice, beside: slice) -> Bool[np.ndarray, "row other"]:
    """Whether rows may be neighbours: matches <= columns - differing, which holds for the screening planes too."""
    most = np.maximum(packed.columns - least, 0).astype(np.uint16)
    planes = packed.planes[:, :SCREENING_PLANES]
    return differing(planes[..., above], planes[..., beside]) <= np.maximum(most[above, None], most[beside])


def _count_pairs(
    packed: BitPlanes, least: np.ndarray, waiting: list[tuple[np.ndarray, np.ndarray]], count: np.ndarray
) -> None:
    """Add the neighbours among the waiting pairs to `count`, and clear these pairs."""
    if not waiting:
        return
    first, second = (np.concatenate(side) for side in zip(*waiting, strict=True))
    waiting.clear()
    matches = matching_pairs(packed, first, second)
    count += np.bincount(first[matches >= least[first]], minlength=len(count))
    count += np.bincount(second[matches >= least[second]], minlength=len(count))


def count_neighbours_by_products(
    rows: UInt8[np.ndarray, "sequence column"], least: Int[np.ndarray, " sequence"], device: str, block: int = 4096
) -> Int[np.ndarray, " sequence"]:
    """`count_neighbours` by matrix products of one-hot blocks, matches = H H^T, on a torch device.

    Sums of ones are exact: in half precision up to 2,048, in single precision for any length that occurs.
    """
    import torch

    half = device.startswith("cuda") and rows.shape[1] <= 2048
    table = torch.from_numpy(np.ascontiguousarray(rows)).to(device)
    needed, letters = torch.from_numpy(least).to(device), torch.arange(GAP, dtype=torch.uint8, device=device)
    count = torch.zeros(len(rows), dtype=torch.int64, device=device)

    def one_hot(part: slice) -> torch.Tensor:
        return (table[part, :, None] == letters).flatten(1).to(torch.float16 if half else torch.float32)

    parts = [slice(start, min(start + block, len(rows))) for start in range(0, len(rows), block)]
    for index, above in enumerate(parts):
        hot = one_hot(above)
        for beside in parts[index:]:
            matches = hot @ one_hot(beside).T
            count[above] += (matches >= needed[above, None]).sum(1)
            if beside != above:
                count[beside] += (matches >= needed[beside]).sum(0)
    return count.cpu().numpy()

"""How much each sequence of an alignment counts: little where many are like it.

    weight_i = 1 / #{j : matches(i, j) / residues(i) > identity}

matches(i, j) counts the columns in which both have the same residue, residues(i) those in which i has one; i counts
itself. A row of only gaps weighs 0. Hopf et al. 2017, with the strict ">" and the float64 division of EVE (Frazer et
al. 2021), so that the weights are EVE's for theta = 1 - identity, to the last bit.
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
"""Two of five planes separate three of four different residues, in a third of the time."""
ROWS_PER_TASK = 512
PAIRS_AT_ONCE = 1 << 15
DENSE = 0.1
"""From so large a share of a block's pairs on, all of them are counted rather than gathered one by one."""


def sequence_weights(
    rows: UInt8[np.ndarray, "sequence column"], identity: float = 0.8, threads: int = 0, device: str = "cpu"
) -> Float[np.ndarray, " sequence"]:
    """The weight of each row of residue numbers. threads: 0 is every core that this process may use. device: "cuda"
    compares rows by matrix products there; the weights are the same."""
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
    """For a row of n residues the least number m of matches for which m / n > identity in float64; n = 0: never."""
    residues = np.arange(1, columns + 1)
    near = np.floor(residues * identity).astype(np.int64)[:, None] + np.arange(-1, 3)
    enough = near / residues[:, None] > identity
    return np.concatenate([[columns + 1], near[np.arange(columns), enough.argmax(1)]])


def count_neighbours(
    rows: UInt8[np.ndarray, "sequence column"], least: Int[np.ndarray, " sequence"], threads: int
) -> Int[np.ndarray, " sequence"]:
    """For each row i the rows j, itself included, with at least least[i] matches.

    Each pair is looked at once: two bit planes bound its matches from above, and of the few pairs that are left the
    exact number is counted.
    """
    packed = pack(rows)
    count = (least <= rows.shape[1]).astype(np.int64)
    tasks = range(0, len(rows), ROWS_PER_TASK)
    for part in map_threaded(lambda start: _count_from(packed, least, start), tasks, threads):
        count += part
    return count


def _count_from(packed: BitPlanes, least: np.ndarray, start: int) -> Int[np.ndarray, " sequence"]:
    """Neighbours among the pairs (i, j) with i < j and i in the task that begins at `start`."""
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
    """Blocks of rows of the task, each beside blocks of the rows from its own first on."""
    stop = min(start + ROWS_PER_TASK, rows)
    for top in range(start, stop, BLOCK[0]):
        for left in range(top, rows, BLOCK[1]):
            yield slice(top, min(top + BLOCK[0], stop)), slice(left, min(left + BLOCK[1], rows))


def _may_match(packed: BitPlanes, least: np.ndarray, above: slice, beside: slice) -> Bool[np.ndarray, "row other"]:
    """Whether one may be a neighbour of the other: matches <= columns - differing, of the screening planes too."""
    most = np.maximum(packed.columns - least, 0).astype(np.uint16)
    planes = packed.planes[:, :SCREENING_PLANES]
    return differing(planes[..., above], planes[..., beside]) <= np.maximum(most[above, None], most[beside])


def _count_pairs(
    packed: BitPlanes, least: np.ndarray, waiting: list[tuple[np.ndarray, np.ndarray]], count: np.ndarray
) -> None:
    """Add the neighbours among the waiting pairs to `count`; none waits then."""
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
    """The same by matrix products of one-hot blocks, matches = H H^T, on a torch device.

    Sums of ones are exact: in half precision up to 2,048, in single precision beyond any length.
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

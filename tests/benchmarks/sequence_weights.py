"""How long an alignment takes to read and to weigh, and that the weights are EVE's.

    python tests/benchmarks/sequence_weights.py blat-alignment
    python tests/benchmarks/sequence_weights.py blat-alignment --definition   # EVE's arithmetic too: a minute or two
    python tests/benchmarks/sequence_weights.py --rows 1000000 --columns 300  # a synthetic one, read only

EVE's own code took 92 s for the weights of 8,403 rows on two cores.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.domains.proteins.alignments import read_alignment, sequence_weights
from sciencegen.domains.proteins.items import GAP, decode_rows
from tests.benchmarks.dataset_files import dataset_file

BLOCK = 10_000


def timed(what: str, function: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = function()
    print(f"{what}: {time.perf_counter() - began:.2f} s", flush=True)
    return result


def synthetic(path: Path, rows: int, columns: int) -> None:
    """Half of each row's letters are the first row's."""
    generator = np.random.default_rng(0)
    first = generator.integers(GAP, size=columns)
    with open(path, "w") as file:
        file.write(f">focus/1-{columns}\n{decode_rows(first[None])[0]}\n")
        for start in range(1, rows, BLOCK):
            shape = (min(BLOCK, rows - start), columns)
            block = np.where(generator.random(shape) < 0.5, generator.integers(GAP + 1, size=shape), first)
            file.writelines(f">row{start + n}\n{text}\n" for n, text in enumerate(decode_rows(block)))


def by_definition(rows: np.ndarray) -> np.ndarray:
    one_hot = (rows[..., None] == np.arange(GAP)).reshape(len(rows), -1).astype(np.float64)
    residues = (rows != GAP).sum(1)
    return np.array(
        [1 / (one_hot @ row / n > 1 - 0.2).sum() if n else 0.0 for row, n in zip(one_hot, residues, strict=True)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("alignment", nargs="?", help="a dataset, fetched on first use, or a file")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=300)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--definition", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = dataset_file(chosen.alignment) if chosen.alignment else Path(folder) / "synthetic.a2m"
        if chosen.alignment is None:
            synthetic(path, chosen.rows, chosen.columns)
        found = timed("reading", lambda: read_alignment(path))
    print(f"{len(found.rows)} rows of {found.rows.shape[1]} columns", *found.report.notes(), sep="\n")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if chosen.alignment is None:
        return
    weights = timed("weights", lambda: sequence_weights(found.rows, threads=chosen.threads))
    print(f"effective number of sequences: {weights.sum():.2f}")
    if chosen.definition:
        expected = timed("weights by definition", lambda: by_definition(found.rows))
        print("equal to the last bit:", np.array_equal(weights, expected))


if __name__ == "__main__":
    main()

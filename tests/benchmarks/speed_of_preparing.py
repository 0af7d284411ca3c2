"""How fast `datasets prepare` and `score` are beside the bare RDKit calls that they stand for.

    python tests/benchmarks/speed_of_preparing.py moses --rows 20000 --rounds 3 --cores 2

Both sides run as programs on the same cores, in turns, on the same rows (the bare calls in one process for each core);
the best round counts. The time of a run on 16 rows
(imports, alert catalogs) is what start-up costs; it is left out of the first ratio and counted in the second. Processor
seconds, of all processes of a run, are little disturbed by what else the machine does.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

STARTING_ROWS = 16
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of Linux: workers whose parent has ended become ours, and their time is counted."""


def bare_prepare(texts: list[str]) -> list[tuple]:
    """Parse, canonical SMILES and the nine properties, as a careful user of RDKit would write it."""
    from rdkit import Chem
    from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

    sascorer = _sascorer()
    rows = []
    for text in texts:
        molecule = Chem.MolFromSmiles(text)
        rows.append(
            (
                Chem.MolToSmiles(molecule),
                Crippen.MolLogP(molecule),  # type: ignore[attr-defined]
                QED.qed(molecule),
                sascorer.calculateScore(molecule),
                rdMolDescriptors.CalcTPSA(molecule),
                Descriptors.MolWt(molecule),  # type: ignore[attr-defined]
                rdMolDescriptors.CalcNumHBD(molecule),
                rdMolDescriptors.CalcNumHBA(molecule),
                rdMolDescriptors.CalcNumRotatableBonds(molecule),
                rdMolDescriptors.CalcNumRings(molecule),
            )
        )
    return rows


def bare_score(texts: list[str]) -> list[tuple]:
    """QED, SA score, logP, TPSA and the alerts of PAINS and Brenk."""
    from rdkit import Chem
    from rdkit.Chem import QED, Crippen, rdMolDescriptors
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    sascorer = _sascorer()
    parameters = FilterCatalogParams()
    parameters.AddCatalog(FilterCatalogParams.FilterCatalogs.PAINS)
    parameters.AddCatalog(FilterCatalogParams.FilterCatalogs.BRENK)
    catalog = FilterCatalog(parameters)
    rows = []
    for text in texts:
        molecule = Chem.MolFromSmiles(text)
        rows.append(
            (
                Chem.MolToSmiles(molecule),
                QED.qed(molecule),
                sascorer.calculateScore(molecule),
                Crippen.MolLogP(molecule),  # type: ignore[attr-defined]
                rdMolDescriptors.CalcTPSA(molecule),
                len(catalog.GetMatches(molecule)),
            )
        )
    return rows


BARE: dict[str, Callable[[list[str]], list[tuple]]] = {"prepare": bare_prepare, "score": bare_score}
OURS = {
    "prepare": ["datasets", "prepare", "molecules", "{source}", "-o", "{output}"],
    "score": ["score", "molecules", "{source}", "--with", "qed,sa,logp,tpsa,alerts", "-o", "{output}.csv"],
}


def _sascorer():
    from rdkit import RDConfig

    sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))
    import sascorer

    return sascorer


def run_bare(work: str, source: str, output: str, cores: int) -> None:
    """The bare loop as a program: a CSV in, a CSV out."""
    with open(source) as file:
        texts = [row[0] for row in csv.reader(file)][1:]
    if cores == 1:
        rows = BARE[work](texts)
    else:
        with ProcessPoolExecutor(cores) as pool:
            parts = [texts[core::cores] for core in range(cores)]
            rows = [row for part in pool.map(BARE[work], parts) for row in part]
    with open(f"{output}.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)


def measure(command: list[str]) -> tuple[float, float]:
    """(wall, processor) seconds of a program and of every process that it leaves behind."""
    start = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"Expected the program to succeed, it ended with status {status}: {' '.join(command)}")
    used = usage.ru_utime + usage.ru_stime
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return wall, used
        used += usage.ru_utime + usage.ru_stime


def compare(
    work: str, source: Path, rounds: int, cores: int, folder: Path
) -> dict[str, tuple[float, float, float, float]]:
    """Side -> (wall, processor) seconds of all rows, then of start-up alone; the best of the rounds."""
    few = folder / "few.csv"
    few.write_text("".join(source.read_text().splitlines(keepends=True)[: STARTING_ROWS + 1]))
    found: dict[str, list[tuple[float, ...]]] = {"bare": [], "sciencegen": []}
    for number in range(rounds):
        for side, times in found.items():
            one: tuple[float, ...] = ()
            for path in (source, few):
                one += measure(_command(side, work, path, folder / f"{work}-{side}-{path.stem}-{number}", cores))
            times.append(one)
    return {side: tuple(map(min, zip(*times, strict=True))) for side, times in found.items()}  # type: ignore[misc]


def _command(side: str, work: str, source: Path, output: Path, cores: int) -> list[str]:
    if side == "bare":
        return [__file__, "--bare", work, "--cores", str(cores), str(source), str(output)]
    arguments = [part.format(source=source, output=output) for part in OURS[work]]
    return ["-c", "from sciencegen.cli.main import main; main()", *arguments, "--threads", str(cores)]


def report(work: str, rows: int, found: dict[str, tuple[float, float, float, float]]) -> None:
    bare, ours = found["bare"], found["sciencegen"]
    for column, clock in enumerate(("wall", "processor")):
        without = (bare[column] - bare[column + 2]) / (ours[column] - ours[column + 2])
        print(
            f"{work:8s} {clock:9s} bare {bare[column]:6.2f} s (start-up {bare[column + 2]:.2f}), "
            f"sciencegen {ours[column]:6.2f} s (start-up {ours[column + 2]:.2f}), "
            f"{rows / (ours[column] - ours[column + 2]):,.0f} rows/s; "
            f"speed {without:.0%} of bare, {bare[column] / ours[column]:.0%} with start-up"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a dataset, or a CSV file with a header whose first column holds SMILES")
    parser.add_argument("output", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--work", choices=BARE, nargs="*", default=list(BARE))
    parser.add_argument("--bare", choices=BARE, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        return run_bare(chosen.bare, chosen.source, chosen.output, chosen.cores)
    from tests.benchmarks.dataset_files import dataset_file  # the bare side must not import it

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.cores])
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "rows.csv")
        with dataset_file(chosen.source).open() as lines:
            source.write_text("".join(line for line, _ in zip(lines, range(chosen.rows + 1), strict=False)))
        for work in chosen.work:
            report(work, chosen.rows, compare(work, source, chosen.rounds, chosen.cores, Path(folder)))
    return None


if __name__ == "__main__":
    main()

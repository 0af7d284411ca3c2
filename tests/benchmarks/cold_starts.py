"""Processor seconds of whole commands that make or score a few items, all processes of a command included.

    python tests/benchmarks/cold_starts.py --rounds 5
    python tests/benchmarks/cold_starts.py --rounds 5 --trees ../before .

Commands run in turns in an empty folder, with each tree (a checkout of the repository) in each round; the least of the
rounds counts. Libraries and weights come from the file cache, which an uncounted round fills. Other work on the machine
slows a command: the row of importing torch tells how much.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = (
    "generate molecules -n 10",
    "generate molecules -n 10 --where logp=2",
    "generate galaxies -n 8",
    "score molecules ten.smi",
)
ITEMS = "CCO CCN c1ccccc1 CC(=O)O c1ccncc1 CCCC CC(C)O OCCO CC#N c1ccsc1"


def seconds(command: list[str], folder: str, environment: dict[str, str]) -> float:
    """User and system time of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trees", nargs="+", default=["."])
    asked = parser.parse_args()
    start = [sys.executable, "-m", "sciencegen.cli.main"]
    programs = {words: [*start, *words.split(), "--threads", "1", "-o"] for words in COMMANDS}
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ten.smi").write_text("\n".join(ITEMS.split()) + "\n")
        for turn in range(asked.rounds + 1):
            for words, program in programs.items():
                for tree in asked.trees:
                    environment = os.environ | {"PYTHONPATH": str(Path(tree).resolve()), "OMP_NUM_THREADS": "1"}
                    took = seconds([*program, f"{turn}{len(found)}.csv", "--force"], folder, environment)
                    found.setdefault((words, tree), []).extend([took] * (turn > 0))
            took = seconds([sys.executable, "-c", "import torch"], folder, os.environ | {"OMP_NUM_THREADS": "1"})
            found.setdefault(("import torch", ""), []).extend([took] * (turn > 0))
    for (words, tree), times in found.items():
        print(f"{min(times):6.2f} s  (of {', '.join(f'{one:.2f}' for one in sorted(times))})  {words}  {tree}")


if __name__ == "__main__":
    main()

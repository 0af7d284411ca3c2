"""`python -m tests.fuzz [--cases N] [--seed S] [border ...]`: run cases, print a table, write the failures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.borders import BORDERS
from tests.fuzz.supervision import Table, replay, run_border


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the borders of sciencegen.")
    parser.add_argument("borders", nargs="*", metavar="border", help=f"of {', '.join(BORDERS)}; default: all")
    parser.add_argument("--cases", type=int, default=1000, help="cases of a domain; others have a share [1000]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only the case with this number")
    parser.add_argument("--replay", type=Path, help="only the case in this file, which an earlier run wrote")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where failures are written")
    chosen = parser.parse_args(words)
    if unknown := set(chosen.borders) - set(BORDERS):
        parser.error(f"unknown borders {sorted(unknown)}; known: {', '.join(BORDERS)}")
    return chosen


def main(words: list[str] | None = None) -> int:
    chosen = parsed(words)
    if chosen.replay is not None:
        outcome = replay(chosen.replay)
        print(outcome.wrong or outcome.error or outcome.found)
        return int(bool(outcome.wrong))
    table = Table()
    for name in chosen.borders or BORDERS:
        count = max(1, round(chosen.cases * BORDERS[name].share))
        numbers = range(count) if chosen.case is None else range(chosen.case, chosen.case + 1)
        table.add(run_border(name, chosen.seed, numbers, chosen.failures))
    return table.end(chosen.failures)


if __name__ == "__main__":
    sys.exit(main())

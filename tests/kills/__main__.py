"""Kill commands at random moments and start them again. No file may be half-written, nothing may be left over, and the
result must have the bytes of an unbroken run.

    python -m tests.kills                              # 20 kills of each verb
    python -m tests.kills --kills 5 --seed 1 train     # fewer, at other moments, of one verb
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.golden_record.record import PRELOADED
from tests.kills.campaign import Tally, strike_verb
from tests.kills.commands import COMMANDS, QUICK
from tests.kills.process import preload

READING = ("pandas", "rdkit.Chem")
"""What the quick verbs need of the preloaded modules."""
HEAD = ("command", "kills", "half-written", "resumed equal", "leftovers", "seconds")


def table(tallies: dict[str, Tally]) -> str:
    rows = [HEAD, *((verb, *tally.row()) for verb, tally in tallies.items())]
    return "\n".join(
        "  ".join(str(cell).ljust(len(name)) for cell, name in zip(row, HEAD, strict=True)) for row in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", choices=[*COMMANDS, []], help="by default all")
    parser.add_argument("--kills", type=int, default=20, help="of each verb")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    verbs = chosen.verbs or list(COMMANDS)
    preload(READING if set(verbs) <= set(QUICK) else PRELOADED)
    tallies = {}
    with tempfile.TemporaryDirectory(prefix="sciencegen-kills-") as folder:
        for verb in verbs:
            place = Path(folder).resolve()
            tallies[verb] = strike_verb(verb, COMMANDS[verb], chosen.kills, place, chosen.seed, _say)
            for problem in tallies[verb].problems:
                _say(f"problem: {problem}")
    print(table(tallies))
    return int(any(tally.problems for tally in tallies.values()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

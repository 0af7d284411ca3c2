"""Progress of a search: programs report each of their calls, and items are counted once."""

from __future__ import annotations

import sys
from itertools import accumulate

from sciencegen.api.search import SearchProgress
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective, ScoringOptions
from sciencegen.scoring.cache import CachedOracle
from sciencegen.scoring.oracles import FunctionOracle
from sciencegen.scoring.programs import CommandOracle

LENGTHS = """
import sys
words = open(sys.argv[1]).read().split()
open(sys.argv[2], "w").write("index,value\\n" + "".join(f"{row},{len(word)}\\n" for row, word in enumerate(words)))
"""


def program(name, folder):
    (folder / "lengths.py").write_text(LENGTHS)

    def write(path, items, names):
        path.write_text("\n".join(items))

    command = f"{sys.executable} -S {folder / 'lengths.py'} {{input}} {{output}}"
    return CachedOracle(CommandOracle(name, command, write, batch_size=2), str)


def counts(oracles, budget, *batches):
    """The numbers of scored items that are told while these batches are scored."""
    told = []
    progress = SearchProgress(oracles, budget, told.append)
    goals = parse_goals([f"maximize {name}" for name in oracles])
    objective = Objective(goals, progress.oracles, str, budget, ScoringOptions(progress=progress.recorded))
    for batch in batches:
        objective.evaluate(batch)
    return [*accumulate(told)]


def test_each_call_of_a_program_is_told(tmp_path):
    oracles = {"size": program("size", tmp_path), "first": FunctionOracle("first", lambda item: float(ord(item[0])))}
    assert counts(oracles, 8, ["a", "bb", "c", "dd", "e"], ["f", "a", "gg", "h"]) == [2, 4, 5, 7, 8]


def test_an_item_counts_once_all_programs_have_scored_it(tmp_path):
    oracles = {name: program(name, tmp_path) for name in ("size", "again")}
    assert counts(oracles, 9, ["a", "bb", "c", "dd"]) == [1, 2, 3, 4]


def test_without_programs_each_batch_is_told():
    assert counts({"size": FunctionOracle("size", len)}, 3, ["a", "bb"], ["c", "dd"]) == [2, 3]


def test_a_search_with_reports_keeps_the_scores_of_the_oracle(tmp_path):
    """A control of the same search pays for no item again."""
    oracles = {"size": program("size", tmp_path)}
    assert counts(oracles, 4, ["a", "bb", "c"]) == [2, 3]
    assert counts(oracles, 4, ["a", "bb", "c"]) == [3]

"""Letters at sites, and a campaign's rounds, of no science in particular."""

from __future__ import annotations

import numpy as np

from sciencegen.report.content import CandidateContent, CheckedPredictions, HeatMap, Logo, Rounds, TableColumn

LETTERS = "ABC"


def heat_map(count: int = 4, first: int = 9) -> HeatMap:
    values = np.arange(3.0 * count).reshape(3, count) - 4
    values[0, 0] = np.nan
    asides = [["± 0.1"] * count for _ in LETTERS]
    sites = [str(first + column) for column in range(count)]
    return HeatMap("score", LETTERS, sites, "A" + "B" * (count - 1), values, asides, "nats", 0.0, "zero", "maximize")


def logo(count: int = 4) -> Logo:
    generator = np.random.default_rng(0)
    groups = {name: generator.integers(1, 9, (count, 3)) for name in ("found", "known")}
    return Logo(LETTERS, [str(site) for site in range(count)], groups, "A" * count, {"vowel": "A", "rest": "BC"})


def rounds() -> Rounds:
    return Rounds("yield", [0, 0, 1, 1, 2], [1.0, 3.0, 2.0, 5.0, 4.0], list("abcde"), [4, 2, 3, 0, 1], "g")


def agreement() -> CheckedPredictions:
    return CheckedPredictions(
        [2.0, 5.0, 4.0], [2.5, 4.0, 9.0], [1.0, 3.0, 8.0], [3.0, 6.0, 10.0], name="yield", rounds=[1, 1, 2],
        labels=list("cde"),
    )  # fmt: skip


def plate() -> CandidateContent:
    return CandidateContent(
        ["x", "y"], [TableColumn("predicted", [1.0, 2.0], lower=[0.5, 1.5], upper=[1.5, 2.5])], noun="items"
    )

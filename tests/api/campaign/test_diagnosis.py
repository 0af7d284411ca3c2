"""Why a round was poor: noise, no signal, out of the domain."""

from __future__ import annotations

import math

import pytest

from sciencegen.api.campaign.notes import Evidence, causes, diagnosis_notes, evidence
from sciencegen.optimization.journal import Entry, Journal

NAMES = "abcdefghij"


def journal(first, second, bounds=(0.0, 1.0), replicates=()):
    """A first round without predictions, and a plate of ten with a 90% interval."""
    entries = [Entry(1, f"old{place}", "measured", value) for place, value in enumerate(first)]
    for name, value in zip(NAMES, second, strict=False):
        plan = Entry(2, name, "proposed", predicted=0.5, lower=bounds[0], upper=bounds[1], source="pool")
        entries += [plan, Entry(2, name, "measured", value)]
    entries += [Entry(2, "w", "proposed", predicted=9.0, lower=9.0, upper=9.0, source="control")]
    entries += [Entry(2, "w", "measured", 99.0), *(Entry(2, name, "measured", value) for name, value in replicates)]
    return Journal(tuple(entries))


def found(made, minimize=False):
    return evidence(made, {entry.item: entry.item for entry in made.entries}, minimize)


def test_a_round_is_poor_if_no_item_beats_those_before():
    """The control's value counts among those before, not among the plate's."""
    assert found(journal([100.0, 1.0], [0.5] * 10)).improved is False
    assert found(journal([100.0, 1.0], [101.0] + [0.5] * 9)).improved is True
    assert found(journal([-1.0, 1.0], [-2.0] + [0.5] * 9), minimize=True).improved is True


def test_the_first_round_has_no_evidence():
    assert found(Journal((Entry(1, "a", "measured", 1.0),))).round == 0
    assert causes(found(Journal((Entry(1, "a", "measured", 1.0),)))) == {}


@pytest.mark.parametrize(("values", "held"), [([0.5] * 10, 1.0), ([0.5] * 6 + [2.0] * 4, 0.6), ([0.5] * 5, math.nan)])
def test_held_is_the_share_inside_the_intervals_of_enough_items(values, held):
    assert found(journal([100.0], values)).held == pytest.approx(held, nan_ok=True)


def test_minimized_values_are_held_as_they_are():
    assert found(journal([-100.0], [0.25] * 10), minimize=True).held == 1.0


def test_noise_compares_replicates_with_the_spread_of_items():
    quiet, loud = (journal([100.0], [0.5] * 10, replicates=[("a", value)]) for value in (0.5, 200.0))
    assert found(quiet).noise == 0.0
    assert found(loud).noise > 0.5
    assert math.isnan(found(journal([100.0], [0.5] * 10)).noise)


@pytest.mark.parametrize(
    ("seen", "correlation", "measured", "expected"),
    [
        (Evidence(2, False, 0.9, 0.1), 0.5, 96, []),
        (Evidence(2, False, 0.9, 0.6), 0.5, 96, ["noise"]),
        (Evidence(2, False, 0.9, 0.1), 0.05, 96, ["no signal"]),
        (Evidence(2, False, 0.9, 0.1), -0.3, 96, ["no signal"]),
        (Evidence(2, False, 0.9, 0.1), 0.05, 10, []),
        (Evidence(2, False, 0.4, 0.1), 0.5, 96, ["out of domain"]),
        (Evidence(2, True, 0.4, 0.6), 0.05, 96, []),
        (Evidence(2, False, math.nan, math.nan), math.nan, 96, []),
    ],
)
def test_causes_of_a_poor_round(seen, correlation, measured, expected):
    named = causes(seen, correlation, measured)
    assert list(named) == expected
    notes = diagnosis_notes(seen, named)
    assert len(notes) == (0 if seen.improved else max(1, len(expected)))
    assert all(note.startswith("round 2 has no better item than before") for note in notes)

"""Edits between sequences, and the consensus of variants."""

import numpy as np
import pytest

from sciencegen.domains.proteins import variants as edits
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Edit, consensus, edits_of, most_frequent_letters
from tests.domains.proteins.examples import GB1


def applied(origin, edits):
    letters = [*origin, ""]
    for one in edits:
        letters[one.place] = one.put if one.lost else one.put + letters[one.place]
    return "".join(letters)


def edited(origin, count, generator):
    letters = list(origin)
    for place in generator.choice(len(origin), count, replace=False):
        new = ALPHABET[generator.integers(20)]
        letters[place] = (new, "", letters[place] + new)[generator.integers(3)]
    return "".join(letters)


def test_edits_turn_the_origin_into_the_sequence():
    generator = np.random.default_rng(0)
    for _ in range(200):
        sequence = edited(GB1, 3, generator)
        found = edits_of(GB1, sequence)
        assert len(found) <= 6
        assert sorted(found, key=lambda one: one.place) == found
        if max(np.bincount([one.place for one in found], minlength=1)) == 1:
            assert applied(GB1, found) == sequence


@pytest.mark.parametrize(("sequence", "edits"), [
    (GB1, []), (GB1[1:], [Edit(0, "M", "")]), (f"{GB1}W", [Edit(56, "", "W")]),
    (f"W{GB1[:-1]}", [Edit(0, "", "W"), Edit(55, "E", "")]),
], ids=str)  # fmt: skip
def test_ends_are_edited_too(sequence, edits):
    assert edits_of(GB1, sequence) == edits


def test_of_equal_places_of_a_gap_the_first_is_taken():
    assert edits_of("MKKKAYW", "MKKAYW") == [Edit(1, "K", "")]
    assert edits_of("MKKKAYW", "MKKKKAYC") == [Edit(1, "", "K"), Edit(6, "W", "C")]
    assert edits_of("MCTYKKKAYW", "MDTYKKAYW") == [Edit(1, "C", "D"), Edit(4, "K", "")]


def test_anchors_shorten_the_work_and_change_no_edit(monkeypatch):
    """Between two edits far from each other nothing is aligned."""
    generator, lengths = np.random.default_rng(0), []
    origin = "".join(generator.choice(list(ALPHABET), 300))
    sequences = [edited(origin, count, generator) for count in (2, 3, 4, 6, 8) for _ in range(5)]
    aligner = edits._aligner()

    class Counting:
        def align(self, before, after):
            lengths.append(len(before))
            return aligner.align(before, after)

    monkeypatch.setattr(edits, "_aligner", Counting)
    found = [edits_of(origin, one) for one in sequences]
    assert max(lengths, default=0) < 100
    monkeypatch.setattr(edits, "_anchor", lambda first, second: None)
    whole = [edits_of(origin, one) for one in sequences]
    assert max(lengths) > 200
    assert [len(one) for one in found] == [len(one) for one in whole]


def test_the_consensus_of_variants_is_what_they_vary():
    generator = np.random.default_rng(1)
    variants = [edited(GB1, 3, generator) for _ in range(30)]
    assert consensus(variants[0], [edits_of(variants[0], one) for one in variants]) == GB1
    assert most_frequent_letters([GB1[1:], "A" + GB1[1:], GB1, GB1]) == GB1

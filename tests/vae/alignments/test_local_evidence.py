"""Laws of evidence near a row: it is the exact one's difference, whichever posterior the draws come from."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.alignment_fitness import LETTERS
from sciencegen.vae.alignment_vae import local_evidence, resampled, truncated_shares
from sciencegen.vae.posteriors import POSTERIORS
from tests.vae.alignments.test_alignment_vae import SMALL, every_row, exact
from tests.vae.alignments.test_alignment_vae import model as sharp_model

FOCUS = torch.tensor([0, 1, 1])


def model(seed=0, posterior="gaussian"):
    """One in which the posterior of a row reaches every other row."""
    made = sharp_model(seed=seed, settings=replace(SMALL, posterior=posterior))
    for member in made.members:
        member.output.weight.data.mul_(0.4)
    return made


def near(made, draws=40_000, kept=20_000):
    return made.local_evidence(FOCUS, draws, kept)


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_it_is_the_difference_of_exact_evidences(shift, posterior):
    """shift: of the encoder's mean, since whichever posterior draws come from, their weights make up for it."""
    made, rows = model(posterior=posterior), every_row(3, 2)
    for member in made.members:
        torch.nn.init.constant_(member.mean.bias, shift)
    truth = exact(made, rows) - exact(made, FOCUS[None])
    found = torch.stack([one.evidence(rows)[0] for one in near(made)])
    torch.testing.assert_close(found, truth, atol=0.1, rtol=0)
    assert (found[:, (rows == FOCUS).all(1)] == 0).all()


def test_it_agrees_with_a_rows_own_posterior():
    made, rows = model(seed=3), every_row(3, 2)
    bounds = made.evidence(Batch({LETTERS: rows}), 5000, importance=True)
    own = bounds - bounds[:, (rows == FOCUS).all(1)]
    torch.testing.assert_close(torch.stack([one.evidence(rows)[0] for one in near(made)]), own, atol=0.15, rtol=0)


def test_a_gap_is_summed_out_and_far_rows_rest_on_fewer_draws():
    made = model()
    gapped = torch.tensor([[2, 1, 1], [0, 2, 0], [0, 1, 2]])
    letters = [[0, 1] if letter == 2 else [letter] for letter in gapped.flatten().tolist()]
    for row, options in zip(gapped, [letters[:3], letters[3:6], letters[6:]], strict=True):
        whole = torch.tensor(list(itertools.product(*options)))
        truth = exact(made, whole).logsumexp(1) - exact(made, FOCUS[None])[:, 0]
        found = torch.stack([one.evidence(row[None])[0][0] for one in near(made)])
        torch.testing.assert_close(found, truth, atol=0.06, rtol=0)
    for one in near(made):
        effective = one.evidence(torch.stack([FOCUS, 1 - FOCUS]))[1]
        assert effective[1] < effective[0]


def test_a_row_has_one_evidence_whatever_stands_beside_it():
    made, rows = model(), every_row(3, 2)
    for one in near(made, 500, 100):
        assert torch.equal(one.evidence(rows)[0], torch.cat([one.evidence(row[None])[0] for row in rows]))
    assert torch.equal(near(made, 500, 100)[0].ratios, near(made, 500, 100)[0].ratios)


def test_no_draw_decides_alone_and_resampling_keeps_shares():
    log_weights = torch.zeros(10_000, dtype=torch.float64)
    log_weights[7] = 8.0
    share = truncated_shares(log_weights)
    assert share[7] < 0.02
    number, count = resampled(share, 1000, torch.Generator().manual_seed(0))
    assert count.sum() == 1000
    assert count[number == 7] == pytest.approx(1000 * share[7].item(), abs=1)


def test_more_draws_are_kept_than_drawn_never():
    with pytest.raises(ConfigError, match="got 10 of 5"):
        local_evidence(model().members[0], FOCUS, torch.empty(1, 0), 5, 10, torch.Generator())

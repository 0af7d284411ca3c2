"""Resampling: the best draw of each row, none malformed where a well-formed one came up, no more draws than needed."""

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.vae.autoregressive import resample

NOISE = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
ASKED = torch.full((300, 1), 1.0)


def draw(noise, condition):
    """One position whose "token" is a number around the condition; odd hundredths are malformed."""
    value = condition + noise[:, :1]
    return Batch({"tokens": value}, torch.ones_like(value, dtype=torch.bool))


def miss(batch, condition):
    return (batch["tokens"] - condition).abs()[:, 0]


def accept(batch):
    return (batch["tokens"][:, 0] * 100).long() % 2 == 0


def test_one_try_is_the_draw_itself():
    found = resample(draw, miss, None, NOISE, ASKED, 1, 0.0, 0.5)
    assert torch.equal(found["tokens"], draw(NOISE, ASKED)["tokens"])


def test_more_tries_come_nearer_and_stop_when_near_enough():
    shown = []

    def counted(noise, condition):
        shown.append(len(noise))
        return draw(noise, condition)

    found = (resample(draw, miss, None, NOISE, ASKED, n, 0.0, 0.0) for n in (1, 4, 16))
    errors = [float(miss(one, ASKED).mean()) for one in found]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]
    found = resample(counted, miss, None, NOISE, ASKED, 64, 0.3, 0.0)
    assert miss(found, ASKED).max() <= 0.3
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) < 0.2 * 64 * 300


def test_malformed_draws_are_kept_only_where_there_is_nothing_else():
    found = resample(draw, miss, accept, NOISE, ASKED, 16, 0.05, 0.0)
    assert accept(found).all()
    refuse = lambda batch: torch.zeros(len(batch), dtype=torch.bool)  # noqa: E731
    nothing = resample(draw, miss, refuse, NOISE, ASKED, 4, 0.05, 0.0)
    anything = resample(draw, miss, None, NOISE, ASKED, 4, 0.0, 0.0)
    assert torch.equal(nothing["tokens"], anything["tokens"])


def test_only_promising_draws_are_shown_to_accept():
    shown = []

    def counted(batch):
        shown.append(len(batch))
        return accept(batch)

    resample(draw, miss, counted, NOISE, ASKED, 16, 0.0, 0.0)
    assert shown[0] == 300
    assert sum(shown[8:]) < 0.5 * 8 * 300


def test_leaning_asks_for_more_than_is_wished():
    """A draw that reaches half of what it is asked for comes near only when it is asked for more."""

    def timid(noise, condition):
        return draw(noise * 0.1, condition * 0.7)

    straight, leaning = (resample(timid, miss, None, NOISE, ASKED, 32, 0.02, lean) for lean in (0.0, 0.6))
    assert miss(leaning, ASKED).mean() < 0.5 * miss(straight, ASKED).mean()


@pytest.mark.parametrize("rows", [slice(0, 1), slice(7, 20)])
def test_no_row_depends_on_the_others(rows):
    together = resample(draw, miss, accept, NOISE, ASKED, 16, 0.05, 0.3)
    apart = resample(draw, miss, accept, NOISE[rows], ASKED[rows], 16, 0.05, 0.3)
    assert torch.equal(together["tokens"][rows], apart["tokens"])

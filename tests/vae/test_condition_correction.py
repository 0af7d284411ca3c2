from functools import partial

import torch

from sciencegen.vae.conditions import corrected as again
from sciencegen.vae.conditions import with_known


def corrected(make, measure, condition, times):
    return again(make, measure, partial(with_known, condition), condition, times)


def made_of(slope, offset=0.3):
    return lambda asked: (slope * asked + offset)[:, :, None]


def measured(made):
    return made[:, :, 0]


def test_what_was_missed_is_asked_for_whatever_the_slope():
    condition = torch.tensor([[0.5, -1.0], [2.0, 0.1]])
    for slope in (0.6, 1.0, 1.5, 3.0, 8.0):
        off = [(measured(corrected(made_of(slope), measured, condition, n)) - condition).norm(dim=1) for n in (0, 20)]
        assert (off[1] <= off[0]).all()
        assert off[1].max() < 0.02, slope


def test_properties_that_pull_at_each_other_are_told_apart():
    pull = torch.tensor([[1.0, 0.8], [-0.6, 0.5]])
    condition = torch.tensor([[0.5, -1.0], [2.0, 0.1]])
    made = corrected(lambda asked: (asked @ pull)[:, :, None], measured, condition, 8)
    torch.testing.assert_close(measured(made), condition, rtol=0, atol=1e-3)


def test_of_a_wish_for_some_the_rest_is_free(generator):
    """Told is a sum, which is no column by itself: both columns are asked for what is missing of it."""
    pull = torch.tensor([[1.0, 0.4], [-0.6, 0.7]])
    first = torch.randn(50, 2, generator=generator)
    wish = lambda seen: seen + (2 - seen.sum(1, keepdim=True)) / 2  # noqa: E731
    made = measured(again(lambda asked: (asked @ pull)[:, :, None], measured, wish, first, 8))
    torch.testing.assert_close(made.sum(1), torch.full((50,), 2.0), rtol=0, atol=1e-3)


def test_a_wrong_sign_is_found_out_and_free_columns_stay():
    condition = torch.tensor([[0.5, torch.nan]])
    asked_for = []

    def make(asked):
        asked_for.append(asked)
        return torch.stack([-asked[:, 0], asked[:, 0]], 1)[:, :, None]

    made = corrected(make, measured, condition, 5)
    assert measured(made)[0, 0] == 0.5
    assert all(asked[:, 1].isnan().all() for asked in asked_for)


def test_what_cannot_be_measured_counts_only_where_it_could_be_before():
    condition = torch.tensor([[1.0, 1.0], [1.0, 1.0]])

    def measure(made):
        seen = measured(made).clone()
        seen[:, 1] = torch.nan
        seen[1][seen[1] > 1.3] = torch.nan  # the second row fails at the second try
        return seen

    made = measured(corrected(made_of(0.5, 0.0), measure, condition, 8))
    assert abs(made[0, 0] - 1) < 0.05
    assert made[1].isfinite().all()

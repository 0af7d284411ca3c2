import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import ConditionDropout, condition_features

pytestmark = pytest.mark.usefixtures("double_precision")


def test_a_missing_value_is_a_zero_with_its_flag_down():
    features = condition_features(torch.tensor([[2.0, torch.nan]]), torch.zeros(1, 9), 2)
    assert features.tolist() == [[2.0, 0.0, 1.0, 0.0]]
    assert condition_features(None, torch.zeros(3, 9), 2).tolist() == [[0.0] * 4] * 3


def test_a_condition_of_another_size_is_refused():
    with pytest.raises(ShapeError, match=r"Expected a condition of shape \[1, 2\] .*got \[1, 3\]"):
        condition_features(torch.zeros(1, 3), torch.zeros(1, 9), 2)


def test_everything_goes_at_its_chance_and_nothing_else(generator):
    kept = ~torch.isnan(ConditionDropout(everything=0.3)(torch.zeros(20_000, 4), generator))
    assert set(kept.sum(1).tolist()) == {0, 4}
    assert (kept.sum(1) == 0).double().mean() == pytest.approx(0.3, abs=0.015)


def test_every_number_of_remaining_properties_is_equally_likely(generator):
    kept = (~torch.isnan(ConditionDropout(some=1.0)(torch.zeros(20_000, 3), generator))).sum(1)
    shares = torch.bincount(kept) / 20_000
    torch.testing.assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.015, check_dtype=False)


def test_no_dropout_is_the_condition_itself_and_a_missing_value_stays_missing(generator):
    condition = torch.tensor([[1.0, torch.nan]])
    assert ConditionDropout()(condition, generator) is condition
    assert ConditionDropout(some=0.5)(None, generator) is None
    dropped = ConditionDropout(some=1.0)(condition.expand(100, -1), generator)
    assert torch.isnan(dropped[:, 1]).all()
    with pytest.raises(ConfigError, match=r"'some' between 0 and 1, got 1.5"):
        ConditionDropout(some=1.5)


def test_few_leaves_one_or_two_of_the_known_properties(generator):
    condition = torch.zeros(20_000, 4)
    condition[:, 1] = torch.nan
    condition[::2, :3] = torch.nan  # every other row knows one property alone
    kept = ~torch.isnan(ConditionDropout(some=1.0, few=1.0)(condition, generator))
    assert (kept[::2] == torch.tensor([False, False, False, True])).all()
    shares = torch.bincount(kept[1::2].sum(1), minlength=4) / 10_000
    torch.testing.assert_close(shares, torch.tensor([0.0, 0.5, 0.5, 0.0]), rtol=0, atol=0.02, check_dtype=False)
    each = kept[1::2].double().mean(0)
    torch.testing.assert_close(each, torch.tensor([0.5, 0.0, 0.5, 0.5]), rtol=0, atol=0.02, check_dtype=False)


def test_views_are_the_whole_condition_none_of_it_and_what_dropout_leaves(generator):
    dropout, condition = ConditionDropout(some=1.0), torch.randn(50, 3)
    whole, nothing, some = dropout.views(condition, generator)
    assert whole is condition
    assert nothing.isnan().all()
    torch.testing.assert_close(some[~some.isnan()], condition[~some.isnan()])
    assert 0 < int(some.isnan().sum()) < 150
    assert dropout.views(None, generator) == [None]

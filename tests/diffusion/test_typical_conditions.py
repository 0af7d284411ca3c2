"""Conditions of training items stand in for those that aren't given."""

import pytest
import torch
from torch import Generator

from sciencegen.diffusion.model import NEAREST, TypicalConditions

ITEMS = 400
GENERATOR = Generator().manual_seed(0)
FIRST = torch.rand(ITEMS, 1, generator=GENERATOR)
TYPICAL = TypicalConditions(
    torch.cat([FIRST, 1 - FIRST], 1), torch.randint(20, 60, (ITEMS,), generator=GENERATOR)
)  # fmt: skip


def noise(count: int) -> torch.Tensor:
    return torch.randn(count, 5, generator=Generator().manual_seed(1))


def test_conditions_are_those_of_one_item_of_the_size():
    counts = torch.full((200,), 30)
    found = TYPICAL.complete(noise(200), counts, None)
    torch.testing.assert_close(found.sum(1), torch.ones(200))  # both of one item, not of two
    near = abs(TYPICAL.sizes - 30).sort().values[NEAREST - 1]
    allowed = TYPICAL.values[abs(TYPICAL.sizes - 30) <= near]
    assert all((allowed == row).all(1).any() for row in found)
    assert len(found.unique(dim=0)) > NEAREST // 2


def test_given_conditions_stay_and_decide_the_others():
    asked = torch.tensor([[0.2, torch.nan]]).repeat(50, 1)
    found = TYPICAL.complete(noise(50), torch.full((50,), 40), asked)
    assert torch.equal(found[:, 0], asked[:, 0])
    assert abs(found[:, 1].mean() - 0.8) < 0.1


def test_the_order_of_items_that_are_equally_near_does_not_matter():
    """Datasets are sorted, often by a class that decides the condition."""
    sizes = torch.full((300,), 30)
    sizes[:20] = 31  # near, but not the nearest
    found = TypicalConditions(torch.arange(300.0)[:, None], sizes).complete(noise(500), torch.full((500,), 30), None)
    assert found.min() >= 20
    assert len(found.unique()) > 200
    assert abs(found.mean() - 159.5) < 15


def test_items_of_which_a_given_value_is_unknown_are_not_the_nearest():
    unknown = torch.stack([torch.full((100,), torch.nan), torch.full((100,), 9.0)], 1)
    known = torch.stack([torch.full((100,), 2.0), torch.full((100,), 1.0)], 1)
    typical = TypicalConditions(torch.cat([unknown, known]), torch.full((200,), 30))
    found = typical.complete(noise(40), torch.full((40,), 30), torch.tensor([[1.8, torch.nan]]).repeat(40, 1))
    assert (found[:, 1] == 1).all()


def test_a_condition_that_is_complete_is_unchanged():
    asked = torch.tensor([[0.2, 0.9]])
    assert torch.equal(TYPICAL.complete(noise(1), torch.tensor([40]), asked), asked)


def test_a_bias_is_subtracted_from_given_and_typical_conditions():
    biased = TypicalConditions(TYPICAL.values, TYPICAL.sizes, torch.tensor([0.25, -0.5]))
    asked = torch.tensor([[0.2, torch.nan]])
    plain, found = (one.complete(noise(1), torch.tensor([40]), asked) for one in (TYPICAL, biased))
    torch.testing.assert_close(found, plain - torch.tensor([[0.25, -0.5]]).to(plain))


def test_a_row_decides_by_itself():
    counts = torch.randint(20, 60, (30,), generator=Generator().manual_seed(2))
    together = TYPICAL.complete(noise(30), counts, None)
    alone = [TYPICAL.complete(noise(30)[row : row + 1], counts[row : row + 1], None) for row in range(30)]
    assert torch.equal(together, torch.cat(alone))


def test_unknown_values_stay_unknown():
    known = TypicalConditions(torch.full((3, 1), torch.nan), torch.tensor([5, 6, 7]))
    assert known.complete(noise(2), torch.tensor([5, 7]), None).isnan().all()


@pytest.mark.parametrize("condition", [None, torch.zeros(2, 0)])
def test_a_model_without_conditions_has_none(condition):
    nothing = TypicalConditions(torch.zeros(3, 0), torch.tensor([5, 6, 7]))
    assert nothing.complete(noise(2), torch.tensor([5, 7]), condition) is condition

import torch
from torch import Generator

from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.conditions import FEWEST, ConditionImputation
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFitSettings

DROPOUT = ConditionDropout(some=0.5, everything=0.1, few=0.5)


def conditions(count, generator):
    """The second column follows from the first, the third doesn't."""
    first, other = torch.randn(2, count, generator=generator)
    return torch.stack([first, first.tanh(), other], 1)


def test_until_it_is_fitted_nothing_is_drawn(generator):
    wishes, told = ConditionImputation(3, 2, 16), torch.tensor([[1.0, torch.nan, torch.nan]])
    assert wishes(torch.randn(1, 3, generator=generator), None) is None
    assert wishes(torch.randn(1, 3, generator=generator), told) is told
    few = conditions(FEWEST, generator)
    few[0, 0] = torch.nan
    assert wishes.learn(few, generator, PriorFitSettings(steps=10, batch=16, dropout=DROPOUT)) is None
    assert not wishes.fitted


def test_what_is_told_stays_and_the_rest_follows_from_it(generator):
    torch.manual_seed(0)
    wishes = ConditionImputation(3, 4, 32)
    settings = PriorFitSettings(steps=200, batch=128, dropout=DROPOUT)
    wishes.learn(conditions(4000, generator), Generator().manual_seed(1), settings)
    noise, told = torch.randn(2000, 3, generator=generator), conditions(2000, generator)
    told[:, 1:] = torch.nan
    with torch.no_grad():
        drawn, free = wishes(noise, told), wishes(noise, None)
    assert torch.equal(drawn[:, 0], told[:, 0])
    apart = [(drawn[:, 1] - first.tanh()).abs().mean() for first in (told[:, 0], told[:, 0].flip(0))]
    assert apart[0] < 0.4 * apart[1]
    assert abs(torch.corrcoef(drawn.T)[0, 2]) < 0.1
    assert (free.std(0) - conditions(2000, generator).std(0)).abs().max() < 0.4
    apart = [(free[:, 1] - first.tanh()).abs().mean() for first in (free[:, 0], free[:, 0].flip(0))]
    assert apart[0] < 0.5 * apart[1]


def test_what_follows_is_made_so(generator):
    wishes = ConditionImputation(2, 1, 8, lambda told, found: found.clamp(min=0))
    wishes.fitted.fill_(True)
    with torch.no_grad():
        assert wishes(torch.randn(20, 2, generator=generator), None).min() == 0


def test_the_flow_of_an_earlier_version_is_loaded_as_such(generator):
    told = torch.tensor([[1.0, torch.nan, torch.nan]])
    earlier, now = ConditionImputation(3, 2, 8), ConditionImputation(3, 2, 8)
    earlier.flow = FlowPrior(3, 3, FlowSettings(2, 8, transform="spline"))
    earlier.fitted.fill_(True)
    now.load_state_dict(earlier.state_dict())
    noise = torch.randn(1, 3, generator=generator)
    with torch.no_grad():
        assert torch.equal(now(noise, told), earlier(noise, told))

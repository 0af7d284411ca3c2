import torch
from torch import Generator

from sciencegen.networks.symmetry import ConditionKinds
from sciencegen.vae.map_flow import MapFlow, fit_map_flow

KINDS = ConditionKinds((0,))


def maps(count, generator):
    """Rare and large numbers where what is above is above 0, nothing elsewhere; told is their sign."""
    above = torch.randn(count, 2, 4, 4, generator=generator)
    sign = (torch.rand(count, 1, generator=generator) < 0.5).float() * 2 - 1
    rare = (torch.rand(count, 1, 4, 4, generator=generator) < 0.3) & (above[:, :1] > 0)
    return 3 * rare * sign[..., None, None] + 0.05 * torch.randn(count, 1, 4, 4, generator=generator), above, sign


def test_until_it_is_fitted_a_map_is_its_noise(generator):
    noise, above, _ = maps(3, generator)
    assert torch.equal(MapFlow((1, 4, 4), 2, KINDS, 8, 2)(noise, above, None), noise)


def test_draws_have_the_distribution_under_what_is_above_and_told(generator):
    torch.manual_seed(0)
    flow = MapFlow((1, 4, 4), 2, KINDS, 16, 12)
    losses = fit_map_flow(flow, lambda step: maps(64, Generator().manual_seed(step)), 500, Generator().manual_seed(1))
    assert sum(losses[-50:]) < 0.5 * sum(losses[:50])
    true, above, sign = maps(1000, generator)
    with torch.no_grad():
        drawn = flow(torch.randn(true.shape, generator=generator), above, sign)
    here = above[:, :1] > 0
    assert abs(drawn[here].std() / true[here].std() - 1) < 0.25
    assert (drawn[~here].abs() > 1.5).float().mean() < 0.5 * (drawn[here].abs() > 1.5).float().mean()
    rare = [(values[here].abs() > 1.5).float().mean() for values in (drawn, true)]
    assert abs(rare[0] - rare[1]) < 0.1
    assert ((drawn * sign[..., None, None])[here] > -1).float().mean() > 0.95

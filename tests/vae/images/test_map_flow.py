import torch
from torch import Generator

from sciencegen.networks.pixels import ConditionKinds
from sciencegen.vae.image_priors import MapFlow, fit_map_flow

KINDS = ConditionKinds((0,))


def maps(count, generator):
    """Rare and large numbers where what is above is above 0, nothing elsewhere; told is their sign."""
    above = torch.randn(count, 2, 4, 4, generator=generator)
    sign = (torch.rand(count, 1, generator=generator) < 0.5).float() * 2 - 1
    rare = (torch.rand(count, 1, 4, 4, generator=generator) < 0.3) & (above[:, :1] > 0)
    return 3 * rare * sign[..., None, None] + 0.05 * torch.randn(count, 1, 4, 4, generator=generator), above, sign


def fit(flow, draw, steps, active=(True,)):
    drawn = lambda step: draw(64, Generator().manual_seed(step))  # noqa: E731
    return fit_map_flow(flow, drawn, torch.tensor(active), steps, Generator().manual_seed(1))


def test_until_it_is_fitted_a_map_is_its_noise(generator):
    noise, above, _ = maps(3, generator)
    assert torch.equal(MapFlow((1, 4, 4), 2, KINDS, 8, 2)(noise, above, None), noise)


def test_draws_have_the_distribution_under_what_is_above_and_told(generator):
    torch.manual_seed(0)
    flow = MapFlow((1, 4, 4), 2, KINDS, 16, 12)
    losses = fit(flow, maps, 500)
    assert sum(losses[-50:]) < 0.5 * sum(losses[:50])
    true, above, sign = maps(1000, generator)
    with torch.no_grad():
        drawn = flow(torch.randn(true.shape, generator=generator), above, sign)
    here = above[:, :1] > 0
    assert abs(drawn[here].std() / true[here].std() - 1) < 0.25
    assert (drawn[~here].abs() > 1.5).float().mean() < 0.5 * (drawn[here].abs() > 1.5).float().mean()
    rare = [(values[here].abs() > 1.5).float().mean() for values in (drawn, true)]
    assert abs(rare[0] - rare[1]) < 0.15
    assert ((drawn * sign[..., None, None])[here] > -1).float().mean() > 0.95


def test_a_channel_that_is_not_active_stays_as_it_is(generator):
    def two(count, generator):
        values, above, sign = maps(count, generator)
        return torch.cat([values, torch.randn(values.shape, generator=generator)], 1), above, sign

    flow = MapFlow((2, 4, 4), 2, KINDS, 8, 2)
    fit(flow, two, 20, (True, False))
    values, above, sign = two(3, generator)
    drawn = flow(values, above, sign)
    assert torch.equal(drawn[:, 1], values[:, 1])
    assert not torch.equal(drawn[:, 0], values[:, 0])
    assert not fit(MapFlow((2, 4, 4), 2, KINDS, 8, 2), two, 20, (False, False))  # nothing to fit


def test_a_place_hears_its_opposite(generator):
    """Maps that are their own turn by 180 degrees, of independent numbers: sides are too far apart for convolutions
    of places, and all that tells what stands opposite is the place itself."""

    def symmetric(count, generator):
        half = torch.randn(count, 1, 8, 8, generator=generator)
        return (half + half.flip(2, 3)) / 2**0.5, torch.zeros(count, 2, 8, 8), None

    torch.manual_seed(0)
    flow = MapFlow((1, 8, 8), 2, ConditionKinds(), 16, 8)
    fit(flow, symmetric, 70)
    noise, above, _ = symmetric(200, generator)
    with torch.no_grad():
        drawn = flow(torch.randn(noise.shape, generator=generator), above, None)
    both = torch.stack([drawn.flatten(), drawn.flip(2, 3).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.8

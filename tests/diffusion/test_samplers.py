import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Generator

from sciencegen.batch import Batch
from sciencegen.diffusion import samplers
from sciencegen.diffusion.samplers import (
    SAMPLERS,
    clean,
    no_noise,
    noise_of,
    noise_of_start,
    sample,
    sample_churn,
    sampler,
    streams,
)
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.errors import ConfigError, ShapeError
from tests.diffusion.known_data import VECTOR, GaussianData, MixtureData

DATA = GaussianData(torch.tensor([0.5, -1.0], dtype=torch.float64), 0.6)
ORDERS = {"ddim": 1, "heun": 2, "dpm-solver": 2}


@pytest.fixture(params=SAMPLERS)
def name(request):
    return request.param


def grid(steps, high=7.0, low=-7.0):
    return log_snr_grid(Linear(high, low), steps, torch.zeros(()))


def is_deterministic(name):
    """Whether a sampler asks for no noise."""
    try:
        sampler(name)(DATA.denoise, VECTOR, Batch({"x": torch.zeros(1, 2, dtype=torch.float64)}), grid(2), no_noise)
    except ConfigError:
        return False
    return True


DETERMINISTIC = [name for name in SAMPLERS if is_deterministic(name)]


def test_orders_are_those_of_the_deterministic_samplers():
    assert set(ORDERS) == set(DETERMINISTIC)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_samplers_reach_their_order_on_a_gaussian(name, generator):
    order = ORDERS[name]
    start = Batch({"x": torch.randn(64, 2, generator=generator)})
    exact = DATA.flowed(start["x"], -7.0, 7.0)
    errors = [
        (sampler(name)(DATA.denoise, VECTOR, start, grid(steps), no_noise)["x"] - exact).square().mean().sqrt()
        for steps in (64, 128, 256)
    ]
    orders = [math.log2(before / after) for before, after in pairwise(errors)]
    print(name, "orders", orders)
    assert orders[-1] == pytest.approx(order, abs=0.1)
    assert orders[0] == pytest.approx(order, abs=0.2)


def test_the_shifted_field_is_solved_at_its_own_level(generator):
    data = GaussianData(torch.tensor([0.5, -1.0]), 0.6, log_snr_shift=-1.0)
    state, start = State({"x": Field(Euclidean(), -1.0, 0)}), Batch({"x": torch.randn(8, 2, generator=generator)})
    exact = GaussianData(data.mean, data.std).flowed(start["x"], -8.0, 6.0)
    for name in DETERMINISTIC:
        found = sampler(name)(data.denoise, state, start, grid(200), no_noise)["x"]
        torch.testing.assert_close(found, exact, rtol=0, atol=0.04)


def test_samples_have_the_mean_and_spread_of_the_data(name, generator):
    start = Batch({"x": torch.randn(20_000, 2, generator=generator)})
    z = sampler(name)(DATA.denoise, VECTOR, start, grid(100), noise_of(VECTOR, generator))
    x = clean(DATA.denoise, VECTOR, z, torch.tensor(7.0))["x"]
    torch.testing.assert_close(x.mean(0), DATA.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(x.std(0), torch.full((2,), DATA.std), rtol=0.06, atol=0)
    assert torch.corrcoef(x.T)[0, 1].abs() < 0.03


def test_samples_of_a_mixture_are_the_mixtures(name, generator):
    """The share left of a line, and the mean log density."""
    data, start = MixtureData(), Batch({"x": torch.randn(6_000, 2, generator=generator)})
    path, noise = grid(150, 9.0, -9.0), noise_of(VECTOR, generator)
    x = clean(data.denoise, VECTOR, sampler(name)(data.denoise, VECTOR, start, path, noise), path[-1])
    left = x["x"][:, 0] < -0.5
    normal = torch.distributions.Normal(data.means[:, 0], data.stds)
    expected = (data.weights * normal.cdf(torch.tensor(-0.5))).sum()
    assert left.double().mean().item() == pytest.approx(expected.item(), abs=0.02)
    real = data.draw(8_000, generator)["x"]
    assert data.log_prob(x["x"]).mean().item() == pytest.approx(data.log_prob(real).mean().item(), abs=0.06)


MOLECULE = State(
    {"place": Field(ZeroCentre()), "kind": Field(CategoricalSpace(3), -1.0), "link": Field(Euclidean(), 0.0, 2)}
)


def shrink(z, log_snr, condition, mask):
    """Any smooth denoiser; that it looks at no other row or position makes rows comparable."""
    return {**{name: torch.tanh(2 * z[name]) for name in ("place", "link")}, "kind": torch.softmax(3 * z["kind"], -1)}


def molecules(count, positions, generator, mask=None):
    like = Batch(
        {
            "place": torch.zeros(count, positions, 3),
            "kind": torch.zeros(count, positions, 3),
            "link": torch.zeros(count, positions, positions),
            "graph": torch.arange(count),
        },
        mask,
    )
    return Batch({**like.fields, **MOLECULE.noise(like, generator)}, mask)


def keyed_noise(step, like):
    """A row's noise follows from the step and the row's own number."""
    rows = [
        MOLECULE.noise(like.select(slice(i, i + 1)), Generator().manual_seed(1000 * step + int(number)))
        for i, number in enumerate(like["graph"])
    ]
    return {name: torch.cat([row[name] for row in rows]) for name in MOLECULE.fields}


def test_a_row_does_not_depend_on_its_batch(name, generator):
    start = molecules(6, 4, generator)
    together = sampler(name)(shrink, MOLECULE, start, grid(12), keyed_noise)
    for row in (0, 5):
        alone = sampler(name)(shrink, MOLECULE, start.select(slice(row, row + 1)), grid(12), keyed_noise)
        for field in MOLECULE.fields:
            torch.testing.assert_close(alone[field][0], together[field][row], rtol=0, atol=1e-12)


def test_samples_stay_centred_symmetric_and_clear_of_padding(name, generator):
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    z = sampler(name)(shrink, MOLECULE, molecules(2, 5, generator, mask), grid(30), noise_of(MOLECULE, generator))
    torch.testing.assert_close(z["place"].sum(1), torch.zeros(2, 3), rtol=0, atol=1e-12)
    assert all((z[field][~mask] == 0).all() for field in ("place", "kind", "link"))
    torch.testing.assert_close(z["link"], z["link"].transpose(1, 2))
    assert z["graph"].tolist() == [0, 1]


def test_padding_changes_no_sample(name, generator):
    small = molecules(2, 3, generator)
    mask = (torch.arange(5) < 3).expand(2, -1)
    large = {field: torch.full(shape, 8.0) for field, shape in {"place": (2, 5, 3), "kind": (2, 5, 3)}.items()}
    large |= {"link": torch.full((2, 5, 5), 8.0), "graph": small["graph"]}
    large["place"][:, :3], large["kind"][:, :3], large["link"][:, :3, :3] = (small[f] for f in MOLECULE.fields)
    start = Batch({**large, **MOLECULE.project(large, mask)}, mask)
    silent = lambda step, like: {field: torch.zeros_like(like[field]) for field in MOLECULE.fields}  # noqa: E731
    bare = sampler(name)(shrink, MOLECULE, small, grid(10), silent)
    wide = sampler(name)(shrink, MOLECULE, start, grid(10), silent)
    torch.testing.assert_close(wide["place"][:, :3], bare["place"])
    torch.testing.assert_close(wide["kind"][:, :3], bare["kind"])
    torch.testing.assert_close(wide["link"][:, :3, :3], bare["link"])


def test_churn_of_nothing_is_heun(generator):
    start = Batch({"x": torch.randn(4, 2, generator=generator)})
    still = sample_churn(DATA.denoise, VECTOR, start, grid(9), noise_of(VECTOR, generator), churn=0.0)
    torch.testing.assert_close(still["x"], sampler("heun")(DATA.denoise, VECTOR, start, grid(9), no_noise)["x"])


def test_churn_asks_for_no_noisier_level_than_the_first(generator):
    asked = []

    def denoise(z, log_snr, condition, mask):
        asked.append(log_snr)
        return DATA.denoise(z, log_snr, condition, mask)

    start, path = Batch({"x": torch.randn(4, 2, generator=generator)}), grid(9)
    sample_churn(denoise, VECTOR, start, path, noise_of(VECTOR, generator))
    assert torch.stack(asked).min() == path[0]
    assert torch.stack(asked).unique().numel() > len(path)  # later steps do go back


def test_only_samplers_that_are_random_compute_keys_and_once(name, generator, monkeypatch):
    start, asked = Batch({"x": torch.randn(3, 2, generator=generator)}), []
    expected = sampler(name)(DATA.denoise, VECTOR, start, grid(5), noise_of_start(VECTOR, start))
    keys = samplers.row_keys
    monkeypatch.setattr(samplers, "row_keys", lambda *given: asked.append(given) or keys(*given))
    assert torch.equal(sample(name, DATA.denoise, VECTOR, start, grid(5))["x"], expected["x"])
    assert len(asked) == (name not in DETERMINISTIC)


@pytest.mark.parametrize("number", [0, 7, 2**32 + 1])
def test_a_stream_is_of_its_key_and_number_whatever_was_drawn_before(number):
    keys = [0, 5, 2**63 - 1, 2**63 + 12345, 2**64 - 5000, 5]
    draws = lambda one: [  # noqa: E731
        one.random(dtype=np.float32),
        *one.standard_normal((3, 2)).flat,
        one.integers(9, dtype=np.uint32),
    ]
    alone = [draws(np.random.Generator(np.random.Philox(key=np.array([key, number], np.uint64)))) for key in keys]
    assert [draws(one) for one in streams(keys, number)] == alone


@pytest.mark.parametrize("key", [4, 2**63 - 1, 2**63 + 12345, 2**64 - 2])
def test_neighbouring_keys_have_streams_of_their_own(key):
    one, other = (generator.random() for generator in streams([key, key + 1], 3))
    assert one != other


def test_wrong_paths_and_names_are_refused(name):
    start = Batch({"x": torch.zeros(1, 2)})
    with pytest.raises(ConfigError, match="rise from noise to data"):
        sample(name, DATA.denoise, VECTOR, start, grid(4).flip(0))
    with pytest.raises(ShapeError, match=r"2 or more .*got \[1\]"):
        sample(name, DATA.denoise, VECTOR, start, grid(4)[:1])
    with pytest.raises(ConfigError, match=r"Unknown sampler 'hein'\. Did you mean 'heun'"):
        sampler("hein")
    with pytest.raises(ConfigError, match="churn of 0 or more"):
        sample_churn(DATA.denoise, VECTOR, start, grid(4), no_noise, churn=-1.0)

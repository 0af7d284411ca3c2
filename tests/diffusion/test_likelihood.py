import math
from itertools import pairwise

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.likelihood import (
    DIVERGENCES,
    decode,
    encode,
    exact_divergence,
    flow,
    hutchinson_divergence,
    log_prob,
)
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.errors import ConfigError
from tests.diffusion.known_data import VECTOR, GaussianData, MixtureData

DATA = GaussianData(torch.tensor([0.5, -1.0], dtype=torch.float64), 0.6)


def grid(steps, high=14.0, low=-14.0):
    return log_snr_grid(Linear(high, low), steps, torch.zeros(()))


def test_the_flow_is_the_exact_solution_to_fourth_order(generator):
    z, errors = Batch({"x": torch.randn(16, 2, generator=generator)}), []
    for steps in (20, 40, 80):
        path = grid(steps, 6.0, -6.0)
        errors.append((flow(DATA.denoise, VECTOR, z, path)["x"] - DATA.flowed(z["x"], -6.0, 6.0)).abs().max().item())
    orders = [math.log2(a / b) for a, b in pairwise(errors)]
    print("orders", orders)
    assert orders[-1] == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("data", [DATA, MixtureData()], ids=["gaussian", "mixture"])
def test_the_density_is_exact(data, generator):
    x = data.draw(60, generator)
    found = log_prob(data.denoise, VECTOR, x, grid(150, 18.0, -30.0))
    error = (found - data.log_prob(x["x"])).abs().max().item()
    print("largest error", error)
    assert error < 5e-5


def test_the_density_is_the_same_in_inference_mode(generator):
    x = DATA.draw(5, generator)
    expected = log_prob(DATA.denoise, VECTOR, x, grid(30))
    with torch.inference_mode():
        made = Batch({"x": x["x"] + 0.0})
        found = log_prob(DATA.denoise, VECTOR, made, grid(30))
    torch.testing.assert_close(found, expected)


def test_hutchinsons_estimate_is_unbiased(generator):
    """A mixture in a plane, whose Jacobian is not diagonal; one x, many probes."""
    data = MixtureData()
    x = Batch({"x": torch.tensor([[-0.4, 0.3]]).expand(2000, -1)})
    estimates = log_prob(data.denoise, VECTOR, x, grid(40), hutchinson_divergence(VECTOR, x, generator))
    exact = log_prob(data.denoise, VECTOR, x.select(slice(0, 1)), grid(40), exact_divergence)
    assert estimates.std() > 1e-3
    assert abs((estimates.mean() - exact).item()) < 4 * estimates.std().item() / math.sqrt(2000)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_points_with_a_centre_have_the_density_of_their_subspace(divergence, generator):
    """And pairs that of their upper triangle."""
    state = State({"place": Field(ZeroCentre()), "link": Field(Euclidean(), 0.5, 2)})
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    x = state.embed(Batch({"place": torch.randn(3, 4, 2), "link": 0.8 * torch.randn(3, 4, 4)}, mask))
    probes = 1 if divergence == "exact" else 500

    def denoise(z, log_snr, condition, mask):
        def shrunk(value, level, std):
            a, s = (f(level).reshape(-1, 1, 1) for f in (alpha, sigma))
            return std**2 * a / (std**2 * a**2 + s**2) * value

        return {"place": shrunk(z["place"], log_snr, 1.3), "link": shrunk(z["link"], log_snr + 0.5, 0.8)}

    many = x.repeat_interleave(probes)
    found = log_prob(denoise, state, many, grid(60), DIVERGENCES[divergence](state, many, generator))
    found = found.reshape(3, probes)
    error = 4 * found.std(1) / math.sqrt(probes) if probes > 1 else torch.zeros(3)
    norms = state.squared_norms(x.fields, mask)
    sizes = {"place": torch.tensor([6.0, 2.0, 0.0]), "link": torch.tensor([6.0, 1.0, 0.0])}
    exact = sum(
        -0.5 * (norms[name] / std**2 + sizes[name] * math.log(2 * math.pi * std**2))
        for name, std in {"place": 1.3, "link": 0.8}.items()
    )
    assert ((found.mean(1) - exact).abs() <= error + 2e-2).all()
    assert (error < 0.5).all()


def test_decoding_inverts_encoding(generator):
    data, x = MixtureData(), MixtureData().draw(200, generator)
    noise = encode(data.denoise, VECTOR, x, grid(80))
    back = decode(data.denoise, VECTOR, noise, grid(80))
    torch.testing.assert_close(back["x"], x["x"], rtol=0, atol=1e-4)
    many = encode(data.denoise, VECTOR, data.draw(4000, generator), grid(60))["x"]
    torch.testing.assert_close(many.mean(0), torch.zeros(2), rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(many.T), torch.eye(2), rtol=0, atol=0.1)


def test_categories_have_no_density():
    state = State({"kind": Field(CategoricalSpace(2))})
    with pytest.raises(ConfigError, match=r"categorical \['kind'\].*continuous_bound"):
        log_prob(DATA.denoise, state, Batch({"kind": torch.zeros(1, 1, 2)}), grid(3))

"""Diffusion on the torus: the exact denoiser of known points samples them, and the loss has its minimum there."""

import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.objectives import prior_loss, squared_error
from sciencegen.diffusion.process import alpha
from sciencegen.diffusion.samplers import sample
from sciencegen.diffusion.spaces import Torus
from sciencegen.diffusion.state import Field, State
from sciencegen.networks.crystals import displacement

STATE = State({"places": Field(Torus())})
KNOWN = torch.tensor([[0.1, 0.2, 0.3], [0.6, 0.95, 0.4]])
"""One crystal: the vector between its atoms is all that counts."""


def denoise(z, log_snr, condition, mask):
    """E[x | y] of the vector between two atoms, of which noise has twice the variance."""
    y = z["places"] / alpha(log_snr)[:, None, None]
    deviation = (2**0.5 * (-0.5 * log_snr).exp())[:, None].expand(-1, 3)
    between = displacement(KNOWN[1] - KNOWN[0] - (y[:, 1] - y[:, 0]), deviation) / 2
    return {"places": y + torch.stack([-between, between], 1)}


def test_samplers_reach_the_vector_between_two_atoms():
    noise = torch.randn(64, 2, 3, generator=torch.Generator().manual_seed(0))
    path = torch.linspace(0.5, 13, 60)
    for name in ("ancestral", "heun", "dpm-solver"):
        drawn = sample(name, denoise, STATE, Batch({"places": noise}), path)["places"]
        away = drawn[:, 1] - drawn[:, 0] - (KNOWN[1] - KNOWN[0])
        assert float((away - away.round()).abs().median()) < 0.01


def test_windings_and_origin_do_not_change_the_loss():
    x = Batch({"places": KNOWN.expand(2, -1, -1)})
    log_snr = torch.tensor([2.0, 6.0])
    noise = {"places": torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(1))}
    moved = Batch({"places": x["places"] + torch.tensor([[1.3], [-0.7]])[None]})
    one, other = (squared_error(denoise, STATE, batch, log_snr, noise) for batch in (x, moved))
    assert torch.allclose(one, other, atol=1e-3)
    assert prior_loss(STATE, x, log_snr).tolist() == [0.0, 0.0]


def test_targets_have_no_mean_displacement():
    y = torch.randn(2, 4, 3)
    target = Torus().target(torch.rand(2, 4, 3), y, torch.tensor([1.0, 5.0]), None)
    assert float((target - y).mean(1).abs().max()) < 1e-6

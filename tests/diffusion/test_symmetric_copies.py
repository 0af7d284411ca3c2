"""Symmetric copies of a unit: the nearest symmetric whole of an estimate."""

import torch

from sciencegen.diffusion.process import copies, mean_unit, symmetrized
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.domains.proteins.backbones.items import rotations

STATE = State({"x": Field(Euclidean()), "y": Field(Euclidean())})
GROUP = torch.from_numpy(rotations(3))
LOG_SNR = torch.zeros(2)


def fields(generator):
    return {"x": torch.randn(2, 4, 3, generator=generator), "y": torch.randn(2, 4, 6, generator=generator)}


def test_copies_are_turned_and_their_mean_is_the_unit(generator):
    unit = fields(generator)["y"]
    every = copies(unit, GROUP)
    torch.testing.assert_close(every[:, :4], unit)
    torch.testing.assert_close(every[:, 4:8, 3:], unit[..., 3:] @ GROUP[1].T)
    torch.testing.assert_close(mean_unit(every, GROUP), unit)


def test_the_mean_unit_makes_the_nearest_symmetric_whole(generator):
    """An orthogonal projection: what is left is orthogonal to every symmetric whole."""
    whole = torch.randn(2, 12, 6, generator=generator)
    nearest = copies(mean_unit(whole, GROUP), GROUP)
    torch.testing.assert_close(copies(mean_unit(nearest, GROUP), GROUP), nearest)
    other = copies(fields(generator)["y"], GROUP)
    assert float(((whole - nearest) * other).sum().abs()) < 1e-10


def test_an_equivariant_denoiser_of_all_copies_is_equivariant_for_the_unit(generator):
    z = fields(generator)

    def together(z, log_snr, condition, mask):
        """Equivariant to rotations; copies see each other, and differ by their numbers."""
        weight = torch.tanh(z["x"] @ z["x"].mT + z["copy"][:, None] - 2 * z["copy"][..., None])
        return {"x": weight @ z["x"], "y": z["y"] * weight.sum(-1, keepdim=True)}

    unit = symmetrized(together, STATE, GROUP, "copy")
    turned = {name: copies(value, GROUP[1:2]) for name, value in z.items()}
    expected = {name: copies(value, GROUP[1:2]) for name, value in unit(z, LOG_SNR, None, None).items()}
    torch.testing.assert_close(unit(turned, LOG_SNR, None, None), expected)
    alone = together({**z, "copy": torch.zeros(2, 4)}, LOG_SNR, None, None)
    assert float((unit(z, LOG_SNR, None, None)["x"] - alone["x"]).abs().max()) > 0.1


def test_a_denoiser_of_single_copies_is_unchanged(generator):
    z = fields(generator)

    def single(z, log_snr, condition, mask):
        assert mask.shape == (2, 12)
        assert z["copy"][0].tolist() == [0] * 4 + [1] * 4 + [2] * 4
        return {name: 0.5 * z[name] for name in ("x", "y")}

    found = symmetrized(single, STATE, GROUP, "copy")(z, LOG_SNR, None, torch.ones(2, 4, dtype=torch.bool))
    torch.testing.assert_close(found, {name: 0.5 * value for name, value in z.items()})

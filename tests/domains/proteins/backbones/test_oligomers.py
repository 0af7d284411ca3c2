"""Symmetric oligomers: chains that are exact copies, drawn with all of them in view."""

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.diffusion import oligomer_task, rewhitened, symmetric
from sciencegen.domains.proteins.backbones.items import rotations
from sciencegen.domains.proteins.backbones.representation import places_of
from sciencegen.errors import ConfigError
from sciencegen.networks.residues import ATOMS, TRACE, colour
from tests.domains.proteins.backbones.tiny_model import fitted, noise, tiny_model


def task_of(symmetry="C2", **bounds):
    return oligomer_task(tiny_model(), TaskSettings(symmetry=symmetry, bounds=bounds))


def test_items_are_chains_of_an_assembly():
    with torch.inference_mode():
        items = fitted().decode(task_of("C3").draw(noise(4)))
    assert {item.symmetry for item in items} == {"C3"}
    assert all(10 <= len(item) <= 34 // 3 for item in items)


def test_the_length_is_that_of_a_chain():
    with torch.inference_mode():
        drawn = task_of(length=(14.5, 15.5)).draw(noise(3))
    assert drawn.mask.sum(1).tolist() == [15, 15, 15]
    quantile = torch.linspace(-3, 3, 200)
    counts = task_of()._counts(quantile)
    assert counts.min() == 10
    assert counts.max() == 17
    assert (counts.diff() >= 0).all()


def test_the_same_noise_gives_the_same_draw():
    task = task_of()
    with torch.inference_mode():
        one, other = task.draw(noise(2)), task.draw(noise(2))
    assert torch.equal(one[TRACE], other[TRACE])
    assert not torch.equal(task_of("C3", length=(10, 10)).draw(noise(1))[TRACE], task.draw(noise(1))[TRACE])


def test_the_estimate_of_a_turned_chain_is_turned():
    """A rotation of the group about the axis, for the network that sees all chains."""
    model = tiny_model().diffusion
    denoise = symmetric(tiny_model(), 2)(model)
    z = {TRACE: torch.randn(1, 12, 3), ATOMS: torch.randn(1, 12, 6)}
    turn = torch.from_numpy(rotations(2)[1]).float()
    turned = {TRACE: z[TRACE] @ turn.T, ATOMS: (z[ATOMS].unflatten(2, (2, 3)) @ turn.T).flatten(2)}
    with torch.inference_mode():
        one, other = (denoise(fields, torch.zeros(1), None, None) for fields in (z, turned))
        alone = model(z, torch.zeros(1), None, None)
    assert torch.allclose(other[TRACE], one[TRACE] @ turn.T, atol=1e-4)
    assert float((one[TRACE] - alone[TRACE]).abs().max()) > 1e-3, "chains see each other"


def test_whitening_for_the_assembly_and_back_keeps_the_places():
    x = Batch({TRACE: torch.randn(2, 12, 3), ATOMS: torch.randn(2, 12, 6)})
    whole = rewhitened(x, 1, 3)
    places = colour(x[TRACE], torch.tensor([12, 12]))
    assert torch.allclose(colour(whole[TRACE], torch.tensor([36, 36])), places, atol=1e-4)
    assert torch.allclose(rewhitened(whole, 3, 1)[TRACE], x[TRACE], atol=1e-5)


@pytest.mark.parametrize(
    ("symmetry", "bounds", "message"),
    [
        ("C4", {}, "`symmetry` of at most C3 with this model, got C4"),
        ("C2", {"length": (19.5, 20.5)}, "2 chains of 10 to 17 residues .*a length of 20: .*34"),
        ("D2", {}, "cyclic `symmetry`"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(symmetry, bounds, message):
    with pytest.raises(ConfigError, match=message):
        task_of(symmetry, **bounds)


def test_chains_keep_their_distance_from_the_axis_of_the_files():
    """A chain that is centred would lie on the axis, and its copies in one place."""
    with torch.inference_mode():
        drawn = task_of().draw(noise(1))
    (item,), (places,) = fitted().decode_estimates(drawn), places_of(drawn)
    assert np.linalg.norm(places[:, 1, :2].mean(0)) > 0.5
    assert item.coordinates[:, :3] == pytest.approx(places, abs=2e-3)

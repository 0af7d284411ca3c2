"""Molecules in 3D from nothing: what a draw is, which sizes it has, and what counts as well formed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.domains.molecules import geometry_models
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.networks.points import PairNetworkSettings

SMALL = geometry_models.JointSettings(
    network=PairNetworkSettings(width=32, pair_width=8, layers=2, heads=2, vectors=2, radial=8, context=16),
    diffusion=replace(geometry_models.JointSettings().diffusion, sampler="dpm-solver", steps=4),
)


@pytest.fixture(scope="module")
def geometries(qm9_molecules):
    known = map(geometry_models.geometry_of, qm9_molecules)
    return [one for one in known if not isinstance(one, Refusal)]


@pytest.fixture(scope="module")
def representation(geometries):
    sizes = np.array([[len(one), np.nan if len(one) % 5 == 0 else 1.0] for one in geometries], float)
    fitted = geometry_models.fit_geometries(geometries, sizes, ("atoms", "constant"))
    return geometry_models.load(fitted.to_json())


@pytest.fixture(scope="module")
def model(representation):
    torch.manual_seed(0)
    return geometry_models.joint(representation, SMALL).eval()


def test_sizes_follow_the_property_that_speaks_of_them(representation, model):
    noise = torch.randn(400, model.latent_size, generator=torch.Generator().manual_seed(0))
    free = model.counts(noise[:, 0])
    assert len(free.unique()) > 5
    for asked in (12, 18):
        row = torch.from_numpy(representation.condition({"atoms": float(asked)})).expand(400, -1)
        assert (model.counts(noise[:, 0], row) - asked).abs().double().mean() < 0.5
    silent = torch.from_numpy(representation.condition({"constant": 1.0})).expand(400, -1)
    assert (model.counts(noise[:, 0], silent) - free).abs().double().mean() < 1.0


def test_real_molecules_are_well_formed_and_others_are_not(representation, model, geometries):
    some = geometries[:40]
    batch = model.state.read(model.state.embed(representation.batch(some)))
    decoded = representation.decode(batch)
    assert representation.well_formed(batch, decoded).all()
    for geometry, back in zip(some, representation.geometries(batch), strict=True):
        np.testing.assert_array_equal(back.numbers, geometry.numbers)
        np.testing.assert_array_equal(back.bonds, geometry.bonds)
    apart = Batch({**batch.fields, "positions": 1.4 * batch["positions"]}, batch.mask)
    assert not representation.well_formed(apart, representation.decode(apart)).any()


def test_where_bonds_make_no_molecule_those_of_the_distances_count(representation, model, geometries):
    batch = model.state.read(model.state.embed(representation.batch(geometries[:10])))
    unbound = Batch({**batch.fields, "bonds": torch.zeros_like(batch["bonds"])}, batch.mask)
    assert representation.well_formed(unbound, representation.decode(unbound)).all()


def test_a_draw_turns_with_its_noise(representation):
    torch.manual_seed(0)
    model = geometry_models.joint(representation, SMALL).eval().double()
    noise = torch.randn(3, model.latent_size, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    parts = noise[:, 1 : 1 + 3 * model.largest].reshape(3, -1, 3) @ turn
    turned = torch.cat([noise[:, :1], parts.flatten(1), noise[:, 1 + 3 * model.largest :]], 1)
    drawn, other = model.generate(noise), model.generate(turned)
    torch.testing.assert_close(other["positions"], drawn["positions"] @ turn, rtol=0, atol=1e-8)
    for name in ("types", "bonds"):
        assert torch.equal(other[name], drawn[name])


def test_training_lowers_the_loss_with_and_without_a_condition(representation, geometries):
    torch.manual_seed(0)
    model = geometry_models.joint(
        representation, replace(SMALL, diffusion=DiffusionSettings(prediction="x", weighting="edm"))
    )
    batch = representation.batch(geometries[:16], np.array([[len(one), 1.0] for one in geometries[:16]], float))
    optimizer, losses = torch.optim.Adam(model.parameters(), 3e-3, fused=True), []
    for step in range(20):
        loss = model.loss(batch, step, torch.Generator().manual_seed(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


@pytest.mark.parametrize("count", [0, 200])
def test_no_atoms_and_too_many_are_refused(model, count):
    with pytest.raises(ConfigError, match="the most that the model has seen"):
        model.generate_sized(torch.zeros(1, model.latent_size), torch.tensor([count]))

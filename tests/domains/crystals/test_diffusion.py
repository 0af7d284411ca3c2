"""The diffusion of crystals with random weights: what it is given comes out again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.crystals import representation as representations
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.items import Crystal, parse_text, text
from sciencegen.domains.crystals.models import (
    CrystalDiffusionSettings,
    CrystalVAESettings,
    adapted,
    crystal_diffusion,
    crystal_vae,
)
from sciencegen.domains.crystals.moves import CHANGES, constraint, pattern, plausible, recombine
from sciencegen.domains.crystals.tasks import resolve
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.latent.diffusion_vae import DiffusionVAESettings
from sciencegen.networks.crystals import CrystalNetworkSettings
from sciencegen.vae.flows import FlowSettings

SALT = "crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5"
PEROVSKITE = "crystal:4 4 4 90 90 90|Ba 0 0 0|Ti 0.5 0.5 0.5|O 0.5 0.5 0|O 0.5 0 0.5|O 0 0.5 0.5"
SPINEL = "crystal:5.7 5.7 5.7 60 60 60|Mg 0 0 0|Cl 0.3 0.2 0.1|Cl 0.6 0.6 0.7"
TEXTS = [SALT, PEROVSKITE, SPINEL]


@pytest.fixture(scope="module")
def representation():
    return representations.fit(TEXTS, np.array([[2.0, -1.5], [5.0, np.nan], [3.0, -1.0]]), ["atoms", "energy"])


@pytest.fixture(scope="module")
def model(representation):
    torch.manual_seed(0)
    settings = CrystalDiffusionSettings(
        network=CrystalNetworkSettings(width=16, pair_width=8, layers=1, heads=4, radial=8, context=8)
    )
    settings = replace(settings, diffusion=replace(settings.diffusion, steps=4))
    return crystal_diffusion(representation, settings).eval()


def noise(model, rows, seed=0):
    return torch.randn(rows, model.latent_size, generator=torch.Generator().manual_seed(seed))


def test_batches_hold_crystals_exactly(representation):
    items = [parse_text(one) for one in TEXTS]
    back = representation.decode(representation.batch(representation.encode(items)))
    for one, other in zip(items, back, strict=True):
        assert np.allclose(one.cell, other.cell, atol=2e-3)
        assert one.numbers.tolist() == other.numbers.tolist()
        assert np.allclose(one.places, other.places, atol=1e-5)


def test_saved_representation_is_the_same(representation):
    again = representations.load(representation.to_json())
    assert again.to_json() == representation.to_json()


def test_unknown_elements_and_large_cells_are_refused(representation):
    other = parse_text("crystal:3 3 3 90 90 90|Cs 0 0 0")
    large = parse_text("crystal:9 9 9 90 90 90" + "".join(f"|Na {k / 8} 0 0" for k in range(8)))
    found = [one.reason for one in representation.encode([other, large])]
    assert "Cs" in found[0]
    assert "8 atoms" in found[1]


def test_sizes_follow_the_condition(model, representation):
    condition = torch.from_numpy(representation.condition({"atoms": 5.0})).expand(16, -1)
    assert set(model.generate(noise(model, 16), condition).mask.sum(1).tolist()) == {5}


def test_a_missing_file_is_told(model, representation):
    with pytest.raises(DataError, match=r"crystals for `vary`, found no file 'none\.cif'"):
        resolve(model, representation, TaskSettings(vary="none.cif"))


def test_same_noise_gives_the_same_crystals_in_any_company(model, representation):
    rows = noise(model, 6)
    every = representation.decode(model.generate(rows))[3]
    alone = representation.decode(model.generate(rows[3:4]))[0]
    assert every.symbols == alone.symbols
    np.testing.assert_allclose(every.lattice, alone.lattice, rtol=1e-4)


def test_draws_of_a_formula_have_its_composition(model, representation):
    task = resolve(model, representation, TaskSettings(core="TiBaO3"))
    for one in representation.decode(task.draw(noise(model, 5))):
        assert isinstance(one, Refusal) or reduced_formula(one) == "BaTiO3"


def test_a_scaffold_keeps_its_cell_and_atoms(model, representation, tmp_path):
    path = tmp_path / "part.txt"
    path.write_text(SALT + "\n")
    task = resolve(model, representation, TaskSettings(scaffold=str(path), bounds={"atoms": (4, 5)}))
    kept = parse_text(SALT)
    for one in representation.decode(task.draw(noise(model, 3))):
        assert isinstance(one, Crystal)
        assert len(one) == 5
        assert np.allclose(one.cell, kept.cell, atol=2e-3)
        away = (one.places[1] - one.places[0]) - (kept.places[1] - kept.places[0])
        assert np.allclose(away, np.round(away), atol=1e-4)
        assert one.symbols[:2] == ["Na", "Cl"]


def test_variations_keep_the_number_of_atoms(model, representation):
    task = resolve(model, representation, TaskSettings(vary=PEROVSKITE, noise_level=0.2))
    assert set(task.draw(noise(model, 4)).mask.sum(1).tolist()) == {5}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"core": "CsCl"}, "elements that the model has seen, got Cs"),
        ({"core": "Na7Cl"}, "got none"),
        ({"core": "nonsense"}, "Expected a formula such as BaTiO3"),
        ({"core": "NaCl", "scaffold": "x.cif"}, "got both"),
        ({"vary": "crystal:3 3 3 90 90 90|Cs 0 0 0"}, "Cs"),
    ],
)
def test_what_cannot_be_drawn_is_refused(model, representation, asked, message):
    with pytest.raises((ConfigError, DataError), match=message):
        resolve(model, representation, TaskSettings(**asked))


def test_moves_give_other_crystals_that_keep_the_structure():
    item, generator = parse_text(PEROVSKITE), np.random.default_rng(0)
    for change in CHANGES:
        made = [one for one in (change(item, generator) for _ in range(8)) if isinstance(one, Crystal)]
        assert made
        assert all(len(one) == 5 and text(one) != PEROVSKITE for one in made)
    child = recombine(item, parse_text("crystal:3.9 3.9 3.9 90 90 90|Sr 0 0 0|F 0.5 0.5 0.5|V 0 0.5 0.5"), generator)
    assert reduced_formula(child) == "SrVF3"
    assert np.allclose(child.places, item.places)


def test_patterns_of_elements():
    item = parse_text(PEROVSKITE)
    assert constraint(["Ba-O"], ["Pb", "Ti-Pb"])(item)
    assert not constraint(["Ba-O"], ["Ti"])(item)
    assert pattern("only:O-Ti-Ba-Sr")(item)
    assert not pattern("only:O-Ti")(item)
    assert pattern("Ba2Ti2O6")(item)
    assert not pattern("BaTiO4")(item)
    assert pattern("Pb,Ti")(item)
    with pytest.raises(ConfigError, match="got 'barium'"):
        pattern("barium")


def test_two_atoms_in_one_place_are_not_plausible():
    assert plausible(parse_text(PEROVSKITE))
    assert not plausible(parse_text("crystal:4 4 4 90 90 90|Ba 0 0 0|O 0.2 0 0"))


@pytest.fixture(scope="module")
def autoencoder(representation):
    torch.manual_seed(0)
    small = CrystalNetworkSettings(width=16, pair_width=8, layers=1, heads=4, radial=8, context=8)
    settings = CrystalVAESettings(
        vae=DiffusionVAESettings(latent=4, flow=FlowSettings(layers=1, width=8), steps=4),
        encoder=small,
        decoder=CrystalDiffusionSettings(network=small),
    )
    return crystal_vae(representation, settings).eval()


def test_a_latent_says_which_crystal_is_decoded(autoencoder, representation):
    items = [parse_text(one) for one in TEXTS]
    latent = autoencoder.encode(representation.batch(items))
    assert latent.shape == (3, 4)
    one, other = (representation.decode(autoencoder.decode(latent[rows])) for rows in ([0, 1, 2], [2, 1]))
    assert [text(item) for item in (one[2], one[1])] == [text(item) for item in other]


def test_latents_do_not_depend_on_origin_and_order(autoencoder, representation):
    item = parse_text(PEROVSKITE)
    order = [4, 2, 0, 1, 3]
    moved = Crystal(item.cell, item.numbers[order], (item.places[order] + 0.3) % 1)
    one, other = autoencoder.encode(representation.batch([item, moved]))
    assert torch.allclose(one, other, atol=1e-4)


def test_training_and_its_end_make_latents_standard_normal(representation, autoencoder):
    batch = representation.batch([parse_text(one) for one in TEXTS] * 4, np.zeros((12, 2)))
    generator = torch.Generator().manual_seed(0)
    terms = autoencoder.loss(batch, 0, generator)
    assert set(terms) == {"loss", "denoising", "size", "kl"}
    assert torch.isfinite(terms["loss"])
    autoencoder.finish([batch], generator, steps=20)
    latent = autoencoder.sample(torch.randn(3, 4, generator=generator), batch.condition[:3])
    assert torch.isfinite(latent).all()


def test_fine_tuning_starts_with_the_weights(model, representation):
    new = representations.adapt(
        representation, [SALT, "crystal:3 3 3 90 90 90|Cs 0 0 0"], np.full((2, 2), 1.0), ["atoms", "energy"]
    )
    assert new.elements.tolist() == representation.elements.tolist()
    assert dict(new.sizes) == {2: 1}
    small = CrystalNetworkSettings(width=16, pair_width=8, layers=1, heads=4, radial=8, context=8)
    again = adapted(model, representation, new, CrystalDiffusionSettings(network=small), 0)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), model.parameters(), strict=True))
    with pytest.raises(ConfigError, match="Leave it out"):
        adapted(model, representation, new, CrystalDiffusionSettings(), 0)
    with pytest.raises(ConfigError, match="the model's own conditions"):
        representations.adapt(representation, [SALT], np.ones((1, 1)), ["atoms"])

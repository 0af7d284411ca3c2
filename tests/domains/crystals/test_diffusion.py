"""The diffusion of crystals with random weights: what it is given comes out again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.crystals import representation as representations
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.items import Crystal, parse_text, text
from sciencegen.domains.crystals.models import CrystalDiffusionSettings, crystal_diffusion
from sciencegen.domains.crystals.moves import CHANGES, constraint, pattern, plausible, recombine
from sciencegen.domains.crystals.tasks import resolve
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.networks.crystals import CrystalNetworkSettings

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
    assert "Cs" in found[0] and "8 atoms" in found[1]


def test_sizes_follow_the_condition(model, representation):
    condition = torch.from_numpy(representation.condition({"atoms": 5.0})).expand(16, -1)
    assert set(model.generate(noise(model, 16), condition).mask.sum(1).tolist()) == {5}


def test_same_noise_gives_the_same_crystals_in_any_company(model, representation):
    rows = noise(model, 6)
    every = representation.decode(model.generate(rows))
    alone = representation.decode(model.generate(rows[3:4]))
    assert text(every[3]) == text(alone[0])


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
        assert isinstance(one, Crystal) and len(one) == 5
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
        assert made and all(len(one) == 5 and text(one) != PEROVSKITE for one in made)
    child = recombine(item, parse_text("crystal:3.9 3.9 3.9 90 90 90|Sr 0 0 0|F 0.5 0.5 0.5|V 0 0.5 0.5"), generator)
    assert reduced_formula(child) == "SrVF3" and np.allclose(child.places, item.places)


def test_patterns_of_elements():
    item = parse_text(PEROVSKITE)
    assert constraint(["Ba-O"], ["Pb", "Ti-Pb"])(item) and not constraint(["Ba-O"], ["Ti"])(item)
    assert pattern("only:O-Ti-Ba-Sr")(item) and not pattern("only:O-Ti")(item)
    assert pattern("Ba2Ti2O6")(item) and not pattern("BaTiO4")(item)
    with pytest.raises(ConfigError, match="got 'barium'"):
        pattern("barium")


def test_two_atoms_in_one_place_are_not_plausible():
    assert plausible(parse_text(PEROVSKITE))
    assert not plausible(parse_text("crystal:4 4 4 90 90 90|Ba 0 0 0|O 0.2 0 0"))

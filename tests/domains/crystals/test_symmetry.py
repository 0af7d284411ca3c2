"""Orbits of known crystals: they hold in the crystals themselves, in noise and in draws."""

import itertools
import json

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.spaces import FIRST, GroupedCategories
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.crystals import representation as representations
from sciencegen.domains.crystals.elements import can_balance, reduced_formula
from sciencegen.domains.crystals.geometry import space_group
from sciencegen.domains.crystals.items import parse_text
from sciencegen.domains.crystals.models import CrystalDiffusionSettings, crystal_diffusion
from sciencegen.domains.crystals.symmetry import balanced, load, orbits, unbalanced
from sciencegen.domains.crystals.tasks import assignments, resolve
from sciencegen.networks.crystals import CELL, PLACES, TYPES, CrystalNetworkSettings

PEROVSKITE = "crystal:4 4 4 90 90 90|Ba 0 0 0|Ti 0.5 0.5 0.5|O 0.5 0.5 0|O 0.5 0 0.5|O 0 0.5 0.5"
RUTILE = (
    "crystal:2.96 4.59 4.59 90 90 90|Ti 0 0 0|Ti 0.5 0.5 0.5|O 0 0.305 0.305|O 0 0.695 0.695"
    "|O 0.5 0.195 0.805|O 0.5 0.805 0.195"
)
HEXAGONAL = "crystal:3.2 3.2 5.2 90 90 120|Mg 0.3333 0.6667 0.25|Mg 0.6667 0.3333 0.75"
TEXTS = [PEROVSKITE, RUTILE, HEXAGONAL]

pytest.importorskip("spglib", reason="spglib finds the orbits")


@pytest.fixture(scope="module")
def representation():
    return representations.fit(TEXTS, np.array([[5.0], [6.0], [2.0]]), ["atoms"])


@pytest.fixture(scope="module")
def model(representation):
    torch.manual_seed(0)
    network = CrystalNetworkSettings(width=16, pair_width=8, layers=1, heads=2, radial=8, context=8)
    return crystal_diffusion(representation, CrystalDiffusionSettings(network)).eval()


def noise(model, count):
    return torch.randn(count, model.latent_size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("line", TEXTS)
def test_a_crystal_lies_on_its_own_orbits(line):
    item = parse_text(line)
    found = orbits(item)
    places = found.anchors + np.einsum("ixy,iy->ix", found.turns, item.places[found.first])
    apart = places - item.places
    assert np.abs(apart - np.round(apart)).max() < 2e-3
    metric = item.lattice @ item.lattice.T
    vector = metric[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    np.testing.assert_allclose(found.metric @ vector, vector, rtol=1e-3, atol=1e-3)
    again = load(json.loads(json.dumps(found.to_json())))
    np.testing.assert_allclose(again.turns, found.turns, atol=1e-6)


def test_rutile_has_two_orbits_one_with_a_free_number():
    found = orbits(parse_text(RUTILE))
    assert found.sizes == (2, 4)
    assert [np.linalg.matrix_rank(turn) for turn in found.turns] == [0, 0, 1, 1, 1, 1]


def test_noise_has_the_symmetry_of_its_item_or_none(model, representation):
    batch = model.state.embed(representation.batch([parse_text(RUTILE)] * 200))
    drawn = model.state.noise(batch, torch.Generator().manual_seed(0))
    same = (drawn[TYPES][:, 0] == drawn[TYPES][:, 1]).all(1)
    fixed = (drawn[PLACES][:, 0] == 0).all(1)
    assert torch.equal(same, fixed)
    assert 0.7 < float(same.double().mean()) < 0.9
    without = Batch({name: batch[name] for name in (PLACES, TYPES, CELL)}, batch.mask)
    assert FIRST not in without.fields
    assert float(model.state.noise(without, torch.Generator().manual_seed(0))[PLACES][:, 0].abs().min()) > 0


def test_draws_have_the_space_group_of_a_known_crystal(model, representation):
    known = {space_group(parse_text(line)) for line in TEXTS}
    drawn = representation.decode(model.generate(noise(model, 8)))
    assert {space_group(one) for one in drawn if len(set(one.symbols)) > 1} <= known


def test_a_formula_takes_orbits_that_its_elements_can_share(model, representation):
    task = resolve(model, representation, TaskSettings(core="O2Ti"))
    drawn = representation.decode(task.draw(noise(model, 4)))
    assert {reduced_formula(one) for one in drawn} == {"TiO2"}
    assert {space_group(one) for one in drawn} == {space_group(parse_text(RUTILE))}


def test_structures_of_a_formula_are_mostly_known_ones_with_other_elements(model, representation):
    task = resolve(model, representation, TaskSettings(core="MgTiO3"))
    first = parse_text(PEROVSKITE)
    (known,) = task.known
    assert reduced_formula(known) == "MgTiO3"
    np.testing.assert_allclose(known.places, first.places)
    mg, ba = (representation.volumes[representation.elements.tolist().index(number)] for number in (12, 56))
    assert (known.volume < first.volume) == (mg < ba)
    drawn = representation.decode(task.draw(noise(model, 30), torch.full((30, 1), 5.0)))
    assert {reduced_formula(one) for one in drawn} == {"MgTiO3"}
    same = [len(one) == 5 and np.allclose(one.lattice, known.lattice, atol=1e-3) for one in drawn]
    assert 8 <= sum(same) <= 22  # 1 of 2 where one is known


def test_assignments_are_all_or_none():
    assert assignments((2, 4), (1, 5)) is None
    assert assignments((1,) * 12, (6, 6)) is None
    assert len(assignments((1, 1, 2), (2, 2))) == 2


def test_groups_follow_from_categories():
    space = GroupedCategories(3, (0, 1, 1), 2.0)
    one = space.one_hot(torch.tensor([[0, 2]]))
    assert one.tolist() == [[[1, 0, 0, 2, 0], [0, 0, 1, 0, 2]]]
    assert space.index(one).tolist() == [[0, 2]]


def test_unbalanced_assignments_are_taken_off():
    """Beside all assignments of three elements to orbits of 1, 1 and 2 atoms, by their probabilities."""
    elements, sizes = np.array([8, 20, 22]), np.array([1, 1, 2])
    chance = np.random.default_rng(0).dirichlet(np.ones(3), 3)
    wrong = np.zeros((3, 3))
    for way in itertools.product(range(3), repeat=3):
        counts = np.bincount(way, sizes, 3).astype(int)
        there = np.flatnonzero(counts)
        unit = counts[there] // np.gcd.reduce(counts[there])
        if not can_balance(tuple(elements[there].tolist()), tuple(unit.tolist())):
            wrong[range(3), way] += chance[range(3), way].prod()
    assert 0 < wrong.sum() < 3
    np.testing.assert_allclose(unbalanced(chance, sizes, elements), wrong)


def test_elements_are_the_mean_of_what_is_balanced(representation):
    """Of BaO2, Ba2O, Ba and O the second is not."""
    item, elements, kinds = parse_text(RUTILE), representation.elements, representation.kinds.vectors()
    barium, oxygen = np.searchsorted(elements, (56, 8)).tolist()
    shares = torch.zeros(1, len(item), len(elements))
    shares[:, :2, barium], shares[:, :2, oxygen] = 0.6, 0.4
    shares[:, 2:, barium], shares[:, 2:, oxygen] = 0.3, 0.7

    def types(weight):
        denoise = balanced(lambda *given: {TYPES: shares @ kinds}, [orbits(item)], elements, kinds, weight)
        return denoise({}, None, None, None)[TYPES][0, :, : len(elements)]

    torch.testing.assert_close(types(1.0), shares[0])
    wrong = 0.4 * 0.3
    assert types(0.0)[[0, 2], oxygen].tolist() == pytest.approx([(0.4 - wrong) / (1 - wrong), 0.7 / (1 - wrong)])

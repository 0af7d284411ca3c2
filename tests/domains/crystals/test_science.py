"""Properties, similarity, metrics and pictures of crystals, against known values and laws."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.api.criteria import parse_conditions
from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.judge import Judged
from sciencegen.api.sampling.request import held, resolve_draws, training_texts
from sciencegen.api.search import Known
from sciencegen.config import GenerateSettings
from sciencegen.domains import load_domain
from sciencegen.domains.crystals.elements import (
    counts_of,
    element_data,
    is_charge_balanced,
    oxidation_states,
    reduced_formula,
)
from sciencegen.domains.crystals.features import compositions, similarity
from sciencegen.domains.crystals.geometry import neighbours
from sciencegen.domains.crystals.items import Crystal, crystal, parse_text, text
from sciencegen.domains.crystals.metrics import evaluate, structure_prediction
from sciencegen.domains.crystals.render import shown_atoms, viewer_record
from sciencegen.errors import ConfigError
from tests.fuzz.borders.crystals import items

SALT, PEROVSKITE, RUTILE, ZINCITE = items()
DOMAIN = load_domain("crystals")


def crystal_of(line: str) -> Crystal:
    found = parse_text(line)
    assert isinstance(found, Crystal), found
    return found


def measured(item: Crystal, name: str) -> float:
    return float(DOMAIN.measure([item], [name])[0, 0])


def test_properties_have_known_values():
    iron = crystal_of("crystal:2.4825 2.4825 2.4825 109.471 109.471 109.471|Fe 0 0 0")
    assert measured(iron, "density") == pytest.approx(7.874, rel=2e-3)
    assert measured(iron, "shortest_distance") == pytest.approx(2.4825, abs=1e-3)
    assert measured(PEROVSKITE, "volume_per_atom") == pytest.approx(3.905**3 / 5)
    assert measured(SALT, "electronegativity_difference") == pytest.approx(3.16 - 0.93)
    assert (measured(RUTILE, "elements"), measured(RUTILE, "atoms")) == (2, 6)
    assert measured(RUTILE, "metal_fraction") == pytest.approx(1 / 3)


@pytest.mark.parametrize(("item", "number"), [(SALT, 225), (PEROVSKITE, 221), (RUTILE, 136), (ZINCITE, 186)])
def test_space_groups(item, number):
    pytest.importorskip("spglib")
    assert measured(item, "space_group") == number


def test_neighbours_are_those_of_a_large_block():
    lattice, reach = RUTILE.lattice, np.array(list(itertools.product(range(-6, 7), repeat=3)))
    block = ((RUTILE.places[:, None] + reach).reshape(-1, 3)) @ lattice
    far = np.linalg.norm(block[None] - (RUTILE.places @ lattice)[:, None], axis=2)
    np.testing.assert_allclose(neighbours(RUTILE, 60)[0], np.sort(far, axis=1)[:, 1:61], atol=1e-9)


def balanced_by_trial(item: Crystal) -> bool:
    """The published rule, state by state."""
    elements, counts = counts_of(item)
    electronegativities = element_data()["electronegativity"][elements]
    for states in itertools.product(*(oxidation_states()[one] for one in elements)):
        pairs = itertools.combinations(zip(states, electronegativities, strict=True), 2)
        ordered = all(a * b >= 0 or (x - y) * (a - b) < 0 for (a, x), (b, y) in pairs)
        if ordered and int(np.dot(states, counts)) == 0:
            return True
    return len(elements) == 1 or bool(np.all(element_data()["metal"][elements] == 1))


def test_charge_balance_is_that_of_all_states():
    generator, kinds = np.random.default_rng(1), ["Na", "Ti", "Fe", "O", "S", "Cl", "N", "Si", "H", "As", "Xe"]
    results = set()
    for _ in range(100):
        atoms = [kinds[at] for at in generator.integers(0, len(kinds), generator.integers(2, 7))]
        item = crystal_of("|".join(["crystal:9 9 9 90 90 90", *(f"{one} 0.{at}1 0 0" for at, one in enumerate(atoms))]))
        assert is_charge_balanced(item) == balanced_by_trial(item), reduced_formula(item)
        results.add(is_charge_balanced(item))
    assert results == {True, False}


def test_similarity_falls_with_each_of_chemistry_and_structure():
    bromide = crystal_of(text(SALT).replace("Cl", "Br"))
    cubic = crystal_of("crystal:3.6 3.6 3.6 90 90 90|Na 0 0 0|Cl 0.5 0.5 0.5")
    alike = similarity([SALT], [SALT, bromide, cubic, RUTILE])[0]
    assert alike[0] == pytest.approx(1)
    assert alike[3] < alike[2] < 1
    assert alike[3] < alike[1] < 1


def test_distances_of_compositions_move_shares_along_the_scale():
    rows = compositions([SALT, crystal_of(text(SALT).replace("Cl", "F"))])
    places = element_data()["mendeleev_number"]
    assert abs(rows[0] - rows[1]).sum() == pytest.approx(abs(places[17] - places[9]) / 2)


def test_metrics_count_what_is_wrong():
    close = "crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.05 0.05 0.05"
    odd = "crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Ar 0.5 0.5 0.5"
    known = [text(item) for item in items()]
    found = evaluate([*known, close, odd, "no crystal", known[0]], known, known[1:])
    assert (found["count"], found["valid"]) == (8, 7 / 8)
    assert found["structurally_valid"] == 6 / 8
    assert found["charge_balanced"] == 6 / 8
    assert found["both_valid"] == 5 / 8
    assert found["coverage_recall"] == found["coverage_precision"] == 1
    assert found["unique"] == 6 / 7
    assert found["novelty"] == pytest.approx(4 / 7)


def test_structure_prediction_matches_to_everyone():
    pytest.importorskip("pymatgen")
    cubic = crystal_of("crystal:3.5 3.5 3.5 90 90 90|Na 0 0 0|Cl 0.5 0.5 0.5")
    swapped = structure_prediction([SALT, cubic], [[cubic], [SALT]])
    assert (swapped["match_rate"], swapped["metre"]) == (0, 1)
    assert swapped["metre_rmse"] == pytest.approx(0, abs=1e-6)
    wrong = structure_prediction([SALT, RUTILE], [[SALT], [PEROVSKITE]])
    assert (wrong["match_rate"], wrong["metre"]) == (0.5, 0.5)
    assert wrong["crmse"] == pytest.approx(0.25)


def test_a_picture_has_the_atoms_on_all_faces():
    picture = ElementTree.fromstring(DOMAIN.render(PEROVSKITE, 220, 160))
    balls = [one for one in picture.iter() if one.tag.endswith("circle") and one.get("stroke") == "#333"]
    assert len(balls) == 8 + 1 + 6 + 3  # eight corners, the centre, six faces, the legend
    assert viewer_record(PEROVSKITE).splitlines()[0] == "15"


@pytest.mark.parametrize(("item", "centre", "partners"), [(RUTILE, 22, 6), (SALT, 11, 6), (PEROVSKITE, 22, 6)])
def test_each_drawn_cation_has_all_its_partners(item, centre, partners):
    """Also those on a corner of the cell, whose partners lie outside."""
    numbers, positions, pairs = shown_atoms(item)
    joined = np.bincount(pairs.ravel(), minlength=len(numbers))
    assert (joined[numbers == centre] == partners).all()
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    assert np.ptp(lengths) < 0.1 * lengths.max()


def test_a_skewed_cell_of_the_same_crystal_has_the_same_bonds():
    """Of rock salt: the nearest images of an atom are not among the 27 around it."""
    skewed = SALT.lattice.copy()
    skewed[2] += 3 * skewed[0]
    other = crystal(skewed, SALT.numbers, SALT.places @ SALT.lattice @ np.linalg.inv(skewed))
    numbers, _, pairs = shown_atoms(other)
    assert (np.bincount(pairs.ravel(), minlength=len(numbers))[numbers == 11] == 6).all()


def test_tables_name_crystals_unless_they_have_such_a_column(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text(f"item,formula\n{text(SALT)},halite\n")
    own, ours = sg.score("crystals", table, "atoms", threads=1), sg.score("crystals", [SALT], "atoms", threads=1)
    assert ours.table[["formula", "space_group_symbol"]].to_numpy().tolist() == [["NaCl", "Fm-3m"]]
    assert own.table["formula"].tolist() == ["halite"]


@pytest.mark.parametrize(
    ("goal", "hint"), [("formula=BaTiO3", "`core` BaTiO3"), ("space_group_symbol = Pm-3m", "= 221")]
)
def test_a_condition_on_a_text_says_what_to_ask_for(goal, hint):
    with pytest.raises(ConfigError, match=hint):
        parse_conditions([goal], DOMAIN)


def test_an_unrelaxed_copy_of_a_known_crystal_is_not_new():
    """Its key is another; a polymorph and another composition are new."""
    pytest.importorskip("pymatgen")
    known = Known(DOMAIN, frozenset(map(DOMAIN.items.key, (SALT, RUTILE))), None, [SALT, RUTILE])
    strained = crystal(1.03 * RUTILE.lattice, RUTILE.numbers, RUTILE.places)
    caesium = crystal_of("crystal:3.5 3.5 3.5 90 90 90|Na 0 0 0|Cl 0.5 0.5 0.5")
    lithium = crystal(SALT.lattice, np.array([3, 17]), SALT.places)
    assert DOMAIN.items.key(strained) not in known.keys
    assert [known.is_new(one) for one in (SALT, strained, caesium, lithium)] == [False, False, True, True]


def test_a_draw_like_a_structure_that_the_model_holds_is_a_training_item():
    """Also the shipped model's, whose dataset nobody has, and as the matcher sees it."""
    pytest.importorskip("pymatgen")
    model = load_model("crystals", None, "cpu")
    first = crystal_of(model.representation.training[0])
    strained = crystal(1.01 * first.lattice, first.numbers, first.places)
    other = "crystal:9 9 9 90 90 90|Na 0 0 0|Xe 0.5 0.5 0.5"
    is_known = held(training_texts(model), DOMAIN)
    assert [is_known(one) for one in (text(first), text(strained), other, "")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("wish", "missed"), [("formation_energy <= -1", [True, False]), ("formation_energy <= 0.1", [False] * 2)]
)
def test_an_element_has_no_negative_formation_energy(wish, missed):
    """It is left out of draws though nothing measures the energy."""
    made = Generation(
        resolve_draws(load_model("crystals", None, "cpu"), GenerateSettings(n=1, where=(wish,), threads=1))
    )
    iron = crystal_of("crystal:2.4825 2.4825 2.4825 109.471 109.471 109.471|Fe 0 0 0")
    draws = [Judged(text(item), "", made.no_values, True, True) for item in (iron, SALT)]
    assert [bool(made._missed(draw)) for draw in draws] == missed

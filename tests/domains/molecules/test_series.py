"""Analogues of a series: changes that it has, the core that good molecules share, and what differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

from sciencegen.api.campaign.candidates import analogue_tests
from sciencegen.api.propose import propose
from sciencegen.config.search import ProposeFurther
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import LIABLE, alert_catalog, liable_groups
from sciencegen.domains.molecules.items import parse, text, undefined_stereocentres
from sciencegen.domains.molecules.properties import log_p
from sciencegen.domains.molecules.series import (
    LEAST_FREE,
    LEAST_TRIED,
    changes_of,
    compound,
    difference,
    free_positions,
    linkers,
    shared_cores,
    substituents,
)
from sciencegen.items import Refusal
from sciencegen.optimization.candidates import CampaignSpace

CORE = "c1ccc(Nc2ncnc3ccccc23)cc1"
SERIES = [
    f"COc1cc2ncnc(Nc3cccc({halogen})c3{beside})c2cc1{chain}"
    for halogen in ("Cl", "Br", "C#C", "C")
    for beside in ("", "F")
    for chain in ("OC", "OCCOC", "OCCCN1CCOCC1", "OCC1CCN(C)CC1")
]
MOLECULES = [parse(one) for one in SERIES]
LINKED = [parse(f"Clc1ccc({link}c2ccncc2)cc1") for link in ("O", "CO", "C(=O)N", "NC(=O)", "CCN")]


def families(name, count=60, molecules=MOLECULES, parents=MOLECULES):
    """Pairs of a parent and its child."""
    change, generator = changes_of(molecules)[name], np.random.default_rng(0)
    made = [(parent := parents[k % len(parents)], change(parent, generator)) for k in range(count)]
    return [(parent, child) for parent, child in made if not isinstance(child, Refusal)]


def children(*args):
    return [child for _, child in families(*args)]


@pytest.mark.parametrize(("name", "places"), [("matched pair", 1), ("substituent", 2), ("replacement", 2)])
def test_a_change_is_at_one_place_of_its_parent_or_exchanges_a_ring_with_its_groups(name, places):
    made = families(name)
    assert len({text(child) for _, child in made}) > 3
    assert all(1 <= difference(child, parent).count(">") <= places for parent, child in made[:12])
    assert [text(child) for _, child in made] == [text(child) for child in children(name)]


def test_a_linker_is_exchanged_between_the_same_ends():
    made = {text(one) for one in children("linker", 30, LINKED, LINKED[:1])}
    assert made == {text(one) for one in LINKED[1:]}


def test_the_parts_of_a_series_are_recombined_at_their_places():
    left_out = parse(SERIES[5])
    rest = [one for one in MOLECULES if text(one) != text(left_out)]
    assert text(left_out) in {text(one) for one in children("substituent", 400, rest, rest)}
    core = Chem.MolFromSmarts(CORE)
    assert all(one.HasSubstructMatch(core) for one in children("substituent", 100))


def test_a_hydrogen_is_replaced_only_where_the_series_has_a_substituent():
    pair = [parse("Cc1ccc(C(=O)NC2CC2)cc1"), parse("Cc1ccc(C(=O)NC2CC2)c(F)c1")]
    assert {text(one) for one in children("matched pair", 30, pair, pair)} == set(map(text, pair))


def test_no_stereocentre_is_left_open_that_was_defined_or_none():
    racemic = [parse("CC(N)c1ccccc1Nc1ccncc1"), parse("C[C@H](O)c1ccccc1Nc1ccncc1"), parse("NCc1ccccc1Nc1ccncc1")]
    made = children("matched pair", 60, racemic, racemic[1:])
    assert made
    assert not any(undefined_stereocentres(one) for one in made)


def test_places_join_to_the_molecule_again():
    molecule = MOLECULES[3]
    for place in [*substituents(molecule), *linkers(molecule)]:
        part = Chem.MolFromSmiles(place.part, sanitize=False)
        part.UpdatePropertyCache()
        joined = Chem.molzip(place.rest, part)
        assert text(parse(Chem.MolToSmiles(joined))) == text(molecule)


def test_the_core_of_the_good_is_found_and_none_where_they_share_none():
    (core,) = shared_cores(MOLECULES)
    assert text(parse(core)) == text(parse(CORE))
    assert shared_cores([parse(one) for one in ("CCO", "CCN", "c1ccccc1", "C1CCCC1", "OC(=O)C")]) == []


@pytest.mark.parametrize(
    ("molecule", "opened"),
    [
        ("COc1cc2nc(C)nc(Nc3cccc(Cl)c3)c2cc1OC", True),
        ("COc1cc2ncnc(Nc3cccc(Cl)c3)c2c(C)c1OC", True),
        ("COc1cc2ncnc(Nc3cccc(S(C)(=O)=O)c3)c2cc1OC", False),
        ("COc1cc2ncnc(Nc3cccc(Cl)c3)c2cc1Oc1ccncc1", False),
    ],
)
def test_a_group_is_at_a_new_position_where_the_series_leaves_it_free(molecule, opened):
    opens = free_positions(MOLECULES)
    assert opens(parse(molecule)) == opened
    assert not any(map(opens, MOLECULES))


def test_a_position_is_new_only_beside_enough_molecules_and_few_with_as_large_a_group():
    new, large, small = (parse(f"CCOc1cc2nc({two})nc(Nc3cccc(Cl)c3)c2cc1OC") for two in ("C", "C3CC3", "N"))
    assert not free_positions(MOLECULES[: LEAST_FREE - 1])(new)
    assert free_positions(MOLECULES[:LEAST_FREE])(new)
    beside_one, beside_more = (free_positions([*MOLECULES, *[small] * count]) for count in (1, LEAST_TRIED))
    assert [beside_one(one) for one in (small, new, large)] == [False, False, True]
    assert not beside_more(large)


@pytest.mark.parametrize(
    ("molecule", "reference", "said"),
    [
        ("Cc1ccncc1Cl", "Cc1ccncc1F", "R1: *F > *Cl; core: Cc1ccncc1[*:1]"),
        ("Cc1ccncc1", "Cc1ccncc1F", "R1: *F > *[H]; core: Cc1ccncc1[*:1]"),
        ("Cc1c[nH]c2ccccc12", "Cc1cn(C(C)=O)c2ccccc12", "R1: *C(C)=O > *[H]; core: Cc1cn([*:1])c2ccccc12"),
        ("C1CCCN1c1ccccc1", "O=C1CCCN1c1ccccc1", "R1: *=O > *[H].*[H]; core: c1ccc(N2CCCC2=[*:1])cc1"),
        (
            "Cc1ccc2ccccc2c1OCc1ccccc1",
            "Cc1ccc2ncccc2c1OCc1ccccc1",
            "R1,R2: [*:1]c1ccc2ncccc2c1[*:2] > [*:1]c1ccc2ccccc2c1[*:2]; core: C[*:1].c1ccc(CO[*:2])cc1",
        ),
        ("CC(=O)O", "c1ccncc1", "c1ccncc1 > CC(=O)O"),
        ("C[C@H](O)c1ccccc1", "C[C@@H](O)c1ccccc1", "stereochemistry"),
    ],
)
def test_a_difference_names_both_parts(molecule, reference, said):
    assert difference(parse(molecule), parse(reference)) == said


@pytest.mark.long
def test_a_plate_holds_what_a_chemist_would_order(tmp_path):
    values = [7 + 0.8 * ("Cl" in one) + 0.4 * ("F" in one) + 0.1 * one.count("O") for one in SERIES]
    pd.DataFrame({"item": SERIES, "value": values}).to_csv(tmp_path / "series.csv", index=False)
    options, breeding = dict(batch=6, threads=1), {"children": 60}
    made = propose("molecules", str(tmp_path / "series.csv"), **options, settings={"breeding": breeding})
    items = [parse(one) for one in made.table["item"]]
    core, catalog = Chem.MolFromSmarts(CORE), alert_catalog()
    assert len(items) == 6
    assert all(one.HasSubstructMatch(core) for one in items)
    assert max(map(log_p, items)) <= np.quantile([log_p(one) for one in MOLECULES], 0.95)
    known = {name for one in MOLECULES for name in catalog.matches(one)}
    assert all(known.issuperset(catalog.matches(one)) for one in items)
    assert (made.table["similarity"] >= 0.4).all()
    assert set(made.table["nearest"]) <= set(map(text, MOLECULES))
    assert made.table["changed"].str.contains(" > .*; core: ").all()
    assert made.table["nearest_value"].between(7, 9).all()
    assert any("keep_core" in note for note in made.notes)
    assert any("new_positions" in note for note in made.notes)
    assert not any(map(free_positions(MOLECULES), items))
    free = propose(
        "molecules",
        str(tmp_path / "series.csv"),
        **options,
        settings={
            "breeding": breeding, "random_moves": True, "keep_core": False, "new_alerts": True, "new_positions": True,
            "property_quantile": 0, "minimum_similarity": 0, "maximum_changes": 1,
        },
    )  # fmt: skip
    assert not any("candidates " in note for note in free.notes)
    assert set(free.table["source"]) & {"mutation", "edit", "recombination"}


LIABLE_EXAMPLES = {  # with the group, and like it without
    "Oc1ccccc1O": "Oc1cccc(O)c1", "Oc1ccc(O)cc1": "Oc1ccc(F)cc1", "CC(=O)Nc1ccc(O)cc1": "CC(=O)Nc1cccc(O)c1",
    "Oc1ccc2[nH]ccc2c1": "Oc1cccc2[nH]ccc12", "Nc1ccc(N2CCOCC2)cc1": "c1ccc(N2CCOCC2)cc1",
    "CNc1ccc2[nH]ccc2c1": "Nc1ccc2ncncc2c1", "Nc1cccs1": "Nc1ccn(C)n1", "Nc1nccs1": "CC(=O)Nc1nccs1",
    "COCc1ccc(O)cc1": "OCc1cccc(O)c1", "CN(C)Cc1c[nH]c2ccccc12": "NCCc1c[nH]c2ccccc12",
    "c1ccoc1": "c1ccc2occc2c1", "C1Oc2ccccc2O1": "C1COc2ccccc2O1",
}  # fmt: skip


@pytest.mark.parametrize(("name", "example"), zip(LIABLE, LIABLE_EXAMPLES.items(), strict=True), ids=LIABLE_EXAMPLES)
def test_groups_that_are_oxidized_are_told_from_their_like(name, example):
    has, has_not = map(Chem.MolFromSmiles, example)
    assert name in liable_groups(has)
    assert liable_groups(has_not) == []


def test_a_candidate_has_a_group_that_is_oxidized_only_if_a_measured_molecule_has_it():
    catechol, phenols = "CCc1ccc(O)c(O)c1", [f"{end}c1cccc(O)c1" for end in ("C", "CC", "CCC", "OC", "F", "Cl", "CCO")]
    further = ProposeFurther(keep_core=False, minimum_similarity=0, property_quantile=0, new_positions=True)

    def may_be_made(texts, further):
        tests, _, _ = analogue_tests(DOMAIN, DOMAIN.moves.analogues, further, [*map(parse, texts)], True)
        return all(one(parse("CCc1cc(O)ccc1O")) for one in tests), all(one(parse(catechol)) for one in tests)

    assert may_be_made(phenols, further) == (False, False)
    assert may_be_made([*phenols, "Cc1ccc(O)c(O)c1"], further) == (False, True)
    assert may_be_made(phenols, further.model_copy(update={"new_alerts": True})) == (True, True)


def test_a_plate_holds_one_of_both_enantiomers(tmp_path):
    hands = ["C[C@H](N)c1ccccc1", "C[C@@H](N)c1ccccc1"]
    (tmp_path / "also.smi").write_text("\n".join([*hands, "Cc1cc(CC)n(C)n1"]))
    items = propose("molecules", also=str(tmp_path / "also.smi"), batch=3, threads=1).table["item"].tolist()
    assert items == [hands[0], "CCc1cc(C)nn1C"]


def test_no_mirror_image_of_a_measured_molecule_is_a_candidate():
    hand, other, new = map(Chem.MolFromSmiles, ("C[C@H](N)CC", "C[C@@H](N)CC", "C[C@H](O)CC"))
    space = CampaignSpace(key=text, features=len, similarity=len, compound=compound)
    assert {compound(other), text(hand)} <= space.names_of([hand])
    assert compound(new) not in space.names_of([hand])


def test_a_plate_holds_one_of_the_tautomers_of_a_molecule(tmp_path):
    (tmp_path / "also.smi").write_text("Cc1nc2cc(F)ccc2[nH]1\nCc1nc2ccc(F)cc2[nH]1\nCc1cc(CC)n(C)n1\n")
    items = propose("molecules", also=str(tmp_path / "also.smi"), batch=3, threads=1).table["item"]
    assert items.tolist() == ["Cc1nc2cc(F)ccc2[nH]1", "CCc1cc(C)nn1C"]

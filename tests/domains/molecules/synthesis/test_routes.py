import pytest
from rdkit import Chem

from sciencegen.domains.molecules.alerts import is_stable
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis import replay, write_route
from sciencegen.domains.molecules.synthesis.routes import paths, read_steps, replaced, steps_of
from sciencegen.items import Refusal
from tests.domains.molecules.synthesis.stocks import BLOCKS

ACID, AMINE, AMIDE = "CC(=O)O", "NCc1ccc(Br)cc1", "CC(=O)NCc1ccc(Br)cc1"
STEP = f"acylation_nitrogen: {ACID} + {AMINE} -> {AMIDE}"
TWO = f"{STEP} | suzuki: OB(O)c1ccccc1 + {AMIDE} -> CC(=O)NCc1ccc(-c2ccccc2)cc1"


def test_random_routes_replay(stock, routes):
    for route in routes:
        again = replay(write_route(route), lambda smiles: stock.place(smiles) is not None)
        assert not isinstance(again, Refusal), again
        assert again.smiles == route.smiles
        assert write_route(again) == write_route(route)


def test_products_are_one_canonical_molecule(routes):
    for route in routes:
        for _, part in paths(route):
            assert "." not in part.smiles
            assert part.smiles == Chem.CanonSmiles(part.smiles) == text(parse(part.smiles))
            assert Chem.SanitizeMol(Chem.Mol(part.molecule)) == Chem.SanitizeFlags.SANITIZE_NONE


def test_intermediates_are_stable(routes):
    inner = [part for route in routes for path, part in paths(route) if path and part.reaction is not None]
    assert inner
    assert all(is_stable(part.molecule) for part in inner)


def test_blocks_are_of_the_stock(routes):
    known = {text(parse(smiles)) for smiles in BLOCKS}
    assert all(set(route.blocks) <= known for route in routes)


def test_steps_are_counted(routes):
    assert all(1 <= route.steps <= 4 for route in routes)
    assert {route.steps for route in routes} == {1, 2, 3, 4}
    assert all(len(steps_of(route)) <= route.steps for route in routes)


def test_route_of_two_steps():
    route = replay(TWO)
    assert (route.steps, route.blocks) == (2, ("OB(O)c1ccccc1", ACID, AMINE))
    assert write_route(route) == TWO


def test_spelling_of_molecules_does_not_matter():
    assert replay("acylation_nitrogen: OC(C)=O + Brc1ccc(CN)cc1 -> Brc1ccc(CNC(C)=O)cc1").smiles == AMIDE


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "expected 'reaction: A"),
        (STEP.replace(" -> ", " > "), "expected 'reaction: A"),
        (STEP.replace("acylation_nitrogen", "magic"), "no reaction is named 'magic'"),
        (STEP.replace(ACID, "CC(=O)Q"), "can't be read"),
        (STEP.replace(f" + {AMINE}", ""), "takes 2 reactants, got 1"),
        (STEP.replace(f"-> {AMIDE}", "-> CCO"), "instead of CCO"),
        (f"suzuki: {ACID} + {AMINE} -> {AMIDE}", "gives 0 products"),
        (TWO.replace(f"+ {AMIDE}", "+ Brc1ccccc1"), "step 2"),
    ],
)
def test_wrong_routes_are_refused(line, reason):
    assert reason in replay(line).reason


def test_reactants_must_be_blocks():
    blocks = {ACID, AMINE, "OB(O)c1ccccc1"}
    assert not isinstance(replay(TWO, blocks.__contains__), Refusal)
    missing = replay(TWO, (blocks - {"OB(O)c1ccccc1"}).__contains__)
    assert missing.reason == "step 2: OB(O)c1ccccc1 is neither a building block nor made before"


def test_part_is_replaced_and_later_steps_run_again():
    route = replay(TWO)
    path = next(path for path, part in paths(route) if part.smiles == ACID)
    (other,) = [part for _, part in paths(replay(TWO)) if part.smiles == "OB(O)c1ccccc1"]
    assert isinstance(replaced(route, path, other), Refusal)  # a boronic acid is no carboxylic acid
    (same,) = [part for _, part in paths(replay(TWO)) if part.smiles == ACID]
    assert replaced(route, path, same).smiles == route.smiles


def test_read_steps_of_written_ones(routes):
    for route in routes[:50]:
        assert read_steps(write_route(route)) == steps_of(route)

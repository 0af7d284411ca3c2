import pytest

from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis import replay, write_route
from sciencegen.domains.molecules.synthesis.routes import make_stock
from sciencegen.domains.molecules.synthesis.space import AnalogueSearch, RouteMoves

MADE = ("CC(=O)NCc1ccccc1", "c1ccc(-c2ccncc2)cc1", "O=C(c1ccc(-c2ccncc2)cc1)N1CCOCC1")


@pytest.mark.parametrize("smiles", MADE)
def test_routes_to_what_can_be_made(moves, smiles):
    first, *_ = AnalogueSearch(moves).nearest(parse(smiles), 3)
    assert first.smiles == text(parse(smiles))


def test_analogues_come_most_similar_first(moves):
    target = parse("CC(=O)NCc1ccccc1Cl")
    found = AnalogueSearch(moves).nearest(target, 5)
    alike = similarity([route.molecule for route in found], [target])[:, 0].tolist()
    assert alike == sorted(alike, reverse=True)
    assert alike[0] > 0.5
    assert all(replay(write_route(route)).smiles == route.smiles for route in found)
    again = AnalogueSearch(moves).nearest(target, 5)
    assert [write_route(route) for route in again] == [write_route(route) for route in found]


@pytest.mark.parametrize("smiles", ["CC(=O)N[C@H](C)c1ccccc1", "CC(=O)N[C@@H](C)c1ccccc1"])
def test_the_right_stereoisomer_comes_first(smiles):
    blocks = [parse(one) for one in ("CC(=O)O", "C[C@H](N)c1ccccc1", "C[C@@H](N)c1ccccc1")]
    first, second, *_ = AnalogueSearch(RouteMoves(make_stock(blocks), 1)).nearest(parse(smiles), 2)
    assert first.smiles == text(parse(smiles)) != second.smiles

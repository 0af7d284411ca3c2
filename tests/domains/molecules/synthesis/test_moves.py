import numpy as np
import pytest

from sciencegen.domains.molecules.synthesis import replay, write_route
from sciencegen.domains.molecules.synthesis.space import RouteMoves
from sciencegen.items import Refusal

CHANGES = ("exchange_block", "change")


def made(moves, name, routes, seed):
    generator = np.random.default_rng(seed)
    return [getattr(moves, name)(route, generator) for route in routes]


def texts(found):
    return [one.reason if isinstance(one, Refusal) else write_route(one) for one in found]


@pytest.mark.parametrize("name", CHANGES)
def test_changes_keep_routes_valid(moves, stock, routes, name):
    found = made(moves, name, routes[:60], 1)
    good = [(old, new) for old, new in zip(routes, found, strict=False) if not isinstance(new, Refusal)]
    assert len(good) > 50
    for old, new in good:
        assert new.smiles != old.smiles
        assert 1 <= new.steps <= 4
        again = replay(write_route(new), lambda smiles: stock.place(smiles) is not None)
        assert not isinstance(again, Refusal), again


def test_crossover_keeps_routes_valid(moves, stock, routes):
    generator = np.random.default_rng(2)
    pairs = list(zip(routes[:40], routes[40:80], strict=True))
    found = [(pair, moves.cross(*pair, generator)) for pair in pairs]
    good = [(pair, child) for pair, child in found if not isinstance(child, Refusal)]
    assert len(good) > 20
    for (one, other), child in good:
        assert child.smiles not in (one.smiles, other.smiles)
        assert child.steps <= 4
        assert set(child.blocks) <= {*one.blocks, *other.blocks}
        assert not isinstance(replay(write_route(child), lambda smiles: stock.place(smiles) is not None), Refusal)


@pytest.mark.parametrize("name", CHANGES)
def test_same_seed_same_routes(moves, routes, name):
    assert texts(made(moves, name, routes[:20], 3)) == texts(made(moves, name, routes[:20], 3))
    assert texts(made(moves, name, routes[:20], 3)) != texts(made(moves, name, routes[:20], 4))


def test_draws_follow_the_seed(stock, moves, routes):
    generator = np.random.default_rng(0)
    again = [RouteMoves(stock, 4).draw(generator) for _ in range(50)]
    assert texts(again) == texts(routes[:50])


def test_greatest_number_of_steps(stock):
    moves, generator = RouteMoves(stock, 1), np.random.default_rng(0)
    drawn = [moves.draw(generator) for _ in range(20)]
    changed = [moves.change(route, generator) for route in drawn]
    assert {route.steps for route in [*drawn, *changed] if not isinstance(route, Refusal)} == {1}


def test_exchange_keeps_the_reactions(moves, routes):
    for old, new in zip(routes[:30], made(moves, "exchange_block", routes[:30], 5), strict=True):
        if not isinstance(new, Refusal):
            assert (new.steps, new.reaction) == (old.steps, old.reaction)

import numpy as np
import pytest

from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis import replay, space
from sciencegen.domains.molecules.synthesis.space import COLUMNS, RouteBook, block_moves
from sciencegen.items import Refusal
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.fixture
def built():
    return block_moves([parse(smiles) for smiles in BLOCKS], [f"B{n}" for n in range(len(BLOCKS))], 3)


def test_items_have_columns_of_their_routes(built):
    items = built.draw(20, np.random.default_rng(0))
    columns = built.columns(items)
    assert tuple(columns) == COLUMNS
    for item, line, steps, blocks in zip(items, *columns.values(), strict=True):
        route = replay(line)
        assert (text(item), steps) == (route.smiles, route.steps)
        assert [BLOCKS[int(name.removeprefix("B"))] for name in blocks.split("; ")]
        assert len(blocks.split("; ")) == len(route.blocks)


def test_moves_of_read_items(built):
    """Items are found by their SMILES, so that one that was read from a file has its route."""
    (item,) = built.draw(1, np.random.default_rng(0))
    child = built.mutate(parse(text(item)), np.random.default_rng(0))
    assert built.columns([child])["route_steps"][0] >= 1


def test_unknown_items_are_refused(built):
    assert isinstance(built.mutate(parse("CCO"), np.random.default_rng(0)), Refusal)
    assert isinstance(built.recombine(parse("CCO"), parse("CCO"), np.random.default_rng(0)), Refusal)


def test_shortest_route_is_kept(moves):
    book = RouteBook(moves)
    long = replay("acylation_nitrogen: CC(=O)O + NCc1ccc(Br)cc1 -> CC(=O)NCc1ccc(Br)cc1 | "
                  "suzuki: OB(O)c1ccccc1 + CC(=O)NCc1ccc(Br)cc1 -> CC(=O)NCc1ccc(-c2ccccc2)cc1")  # fmt: skip
    short = replay("acylation_nitrogen: CC(=O)O + NCc1ccc(-c2ccccc2)cc1 -> CC(=O)NCc1ccc(-c2ccccc2)cc1")
    for route, kept in ((long, long), (short, short), (long, short)):
        book.entered(route)
        assert book.of(route.molecule) is kept


def test_few_routes_are_kept_as_molecules_and_moves_stay_the_same(built, monkeypatch):
    def children(moves):
        generator = np.random.default_rng(0)
        found = moves.draw(20, generator)
        for _ in range(2):
            found += [child for one in found if not isinstance(child := moves.edit(one, generator), Refusal)]
        return list(map(text, found))

    again = block_moves([parse(smiles) for smiles in BLOCKS], [f"B{n}" for n in range(len(BLOCKS))], 3)
    whole = children(built)
    monkeypatch.setattr(space, "RECENT", 2)
    assert children(again) == whole


def test_analogues_are_the_nearest_but_stay_unknown(built):
    """What is known decides nothing, so that workers find the same."""
    target = parse("CC(=O)NCc1ccccc1")
    items, columns = built.analogues(target, 3)
    assert built.materials(items[0]) is None
    assert text(items[0]) == text(target)
    assert list(map(text, built.nearest(target, 3))) == list(map(text, items))
    assert built.columns(items) == columns == built.analogues(target, 3)[1]


def test_a_written_route_is_entered_if_it_holds_for_the_stock(built):
    line = "acylation_nitrogen: CC(=O)O + NCc1ccccc1 -> CC(=O)NCc1ccccc1"
    item = built.enter(line)
    assert built.columns([item])["route"] == [line]
    foreign = line.replace("NCc1ccccc1", "NCc1ccccc1Cl")
    assert "neither a building block" in built.enter(foreign).reason
    assert isinstance(built.enter("no route"), Refusal)


def test_steps_beyond_the_most_are_refused(built):
    long = next(one for one in built.draw(40, np.random.default_rng(0)) if built.columns([one])["route_steps"] == [2])
    line = built.columns([long])["route"][0]
    short = block_moves([parse(smiles) for smiles in BLOCKS], [""] * len(BLOCKS), 1)
    assert short.enter(line).reason == "the route has 2 steps, 1 are allowed"


def test_materials_are_the_blocks_and_what_is_made_before_the_last_step(built):
    for item in built.draw(30, np.random.default_rng(0)):
        found, route = built.materials(item), replay(built.columns([item])["route"][0])
        made = {one.smiles for one in route.reactants if one.reaction is not None}
        assert (found.blocks, set(found.last)) == (route.blocks, made)
        assert made <= set(found.intermediates)
        assert len(found.intermediates) <= route.steps - 1
    assert built.materials(parse("CCO")) is None


def test_notes_count_unused_blocks():
    moves = block_moves([parse(one) for one in ("CC(=O)O", "NCc1ccccc1", "C")], ["", "", ""], 3)
    assert "3 building blocks" in moves.notes[0]
    assert "fit to none: 1" in moves.notes[0]

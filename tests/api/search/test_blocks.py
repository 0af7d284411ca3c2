"""Searches among items that are made from building blocks."""

import numpy as np
import pytest
from pointclouds import DOMAIN as CLOUDS

from sciencegen.api.models.folder import load_model
from sciencegen.api.search.blocks import check_blocks, makeable_starts, read_blocks, resolve_blocks, space_of_blocks
from sciencegen.api.search.space import search_space
from sciencegen.config import OptimizeSettings
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.operators import item_moves, latent_moves
from sciencegen.optimization.search import search
from sciencegen.optimization.spaces import SearchSettings
from sciencegen.scoring.oracles import FunctionOracle
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("blocks") / "blocks.smi"
    path.write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)) + "no-molecule\nC\n")
    return path


@pytest.fixture(scope="module")
def blocks(path):
    return read_blocks(DOMAIN, str(path), 3, 1)


@pytest.fixture(scope="module")
def model():
    return load_model("molecules", None, "cpu")


@pytest.fixture
def moves():
    """Moves that have made nothing yet."""
    return DOMAIN.moves.from_blocks([DOMAIN.items.parse(smiles) for smiles in BLOCKS], [""] * len(BLOCKS), 3)


def test_refused_rows_are_noted_and_kept(path, blocks):
    ((line, text, reason),) = blocks.refused
    assert (line, text) == (len(BLOCKS) + 1, "no-molecule")
    assert str(path) in reason
    assert any("1 rows" in note for note in blocks.notes)
    assert "fit to none:" in blocks.notes[0]


def test_tables_are_read_with_their_ids(tmp_path):
    path = tmp_path / "stock.csv"
    path.write_text("id,smiles\nacid,CC(=O)O\namine,NCc1ccccc1\n")
    moves = read_blocks(DOMAIN, str(path), 1, 1).moves
    (item,) = moves.nearest(DOMAIN.items.parse("CC(=O)NCc1ccccc1"), 1)
    assert moves.columns([item])["route_blocks"] == ["acid; amine"]


@pytest.mark.parametrize(("text", "kind"), [("zz\n", DataError), ("C\nCC\n", ConfigError), ("", DataError)])
def test_useless_stocks_are_refused(tmp_path, text, kind):
    path = tmp_path / "stock.smi"
    path.write_text(text)
    with pytest.raises(kind, match=r"Expected (building blocks|molecules)"):
        read_blocks(DOMAIN, str(path), 2, 1)


def test_other_domains_have_no_blocks(path):
    with pytest.raises(ConfigError, match="not made from building blocks"):
        read_blocks(CLOUDS, str(path), 2, 1)


def test_methods_of_latents_are_refused(path):
    check_blocks(DOMAIN, str(path), ["evolution", "prior", "hill_climb"])
    with pytest.raises(ConfigError, match="got 'bayes'"):
        check_blocks(DOMAIN, str(path), ["evolution", "bayes"])


def test_standard_input_is_refused_since_it_is_read_twice():
    with pytest.raises(ConfigError, match="got standard input"):
        check_blocks(DOMAIN, "-")


def test_without_a_file_the_space_is_unchanged(model):
    space = search_space(model)
    assert resolve_blocks(DOMAIN, OptimizeSettings(goals=("maximize qed",)), space) == (None, space)


def searched(model, moves, start=(), **constraints):
    space = space_of_blocks(search_space(model, plausible=True, **constraints), moves, start)
    oracle = FunctionOracle("rings", lambda item: item.GetRingInfo().NumRings() - 0.1 * item.GetNumAtoms())
    objective = Objective(parse_goals(["maximize rings"]), {"rings": oracle}, DOMAIN.items.key, 40)
    search(space, objective, np.random.default_rng(0), SearchSettings(initial=20, batch=10, screen=2))
    return space, objective.trace


def test_every_scored_item_has_a_route(model, moves):
    space, trace = searched(model, moves)
    assert not latent_moves(space)
    assert set(item_moves(space)) == {"mutation", "mutation_twice", "edit", "edit_twice", "recombination"}
    items = [evaluation.item for evaluation in trace]
    assert len(items) == 40
    for item, line in zip(items, moves.columns(items)["route"], strict=True):
        route = replay(line)
        assert not isinstance(route, Refusal), route
        assert route.smiles == DOMAIN.items.text(item)
    assert all(DOMAIN.moves.plausible(item) for item in items)


def test_one_seed_gives_one_search(model, blocks, moves):
    """Also of blocks that were read from a file."""
    ours = [one.key for one in searched(model, moves)[1]]
    assert [one.key for one in searched(model, blocks.moves)[1]] == ours


def test_patterns_hold(model, moves):
    _, trace = searched(model, moves, forbid=["Br"], keep=["c1ccccc1"])
    assert trace
    assert not any("Br" in evaluation.key for evaluation in trace)


def test_starts_become_analogues(model, moves):
    made, far = (DOMAIN.items.parse(one) for one in ("CC(=O)NCc1ccccc1", "CC(=O)NCc1ccccc1Cl"))
    found, notes = makeable_starts(DOMAIN, [made, far], moves)
    assert DOMAIN.items.key(found[0]) == DOMAIN.items.key(made)
    assert "can be made" in notes[0]
    assert "no route to the start CC(=O)NCc1ccccc1Cl" in notes[1]
    _, trace = searched(model, moves, found)
    assert trace[0].key == DOMAIN.items.key(made)

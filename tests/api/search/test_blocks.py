"""Searches among items that are made from building blocks."""

import numpy as np
import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.optimize import search_criteria
from sciencegen.api.search import makeable_starts, search_space, space_of_blocks
from sciencegen.api.sources.blocks import read_blocks
from sciencegen.config import OptimizeSettings
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.optimization.evolution import item_moves, latent_moves
from sciencegen.optimization.goals import parse_goals
from sciencegen.optimization.objective import Objective
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


def test_methods_of_latents_are_refused(path):
    chosen = {"goals": ("maximize qed",), "blocks": str(path), "method": "evolution"}
    search_criteria(DOMAIN, OptimizeSettings(**chosen, controls=("prior", "hill_climb")), DOMAIN)
    with pytest.raises(ConfigError, match="got 'bayes'"):
        search_criteria(DOMAIN, OptimizeSettings(**chosen, controls=("bayes",)), DOMAIN)


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

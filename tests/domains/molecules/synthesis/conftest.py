import numpy as np
import pytest

from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.synthesis.routes import make_stock
from sciencegen.domains.molecules.synthesis.space import RouteMoves
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.fixture(scope="session")
def stock():
    return make_stock([parse(smiles) for smiles in BLOCKS], [f"B{number}" for number in range(len(BLOCKS))])


@pytest.fixture(scope="session")
def moves(stock):
    return RouteMoves(stock, 4)


@pytest.fixture(scope="session")
def routes(moves):
    """200 random routes."""
    generator = np.random.default_rng(0)
    return [moves.draw(generator) for _ in range(200)]

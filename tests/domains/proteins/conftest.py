"""Proteins for the tests: random ones, a family with gaps, and the real alignment where it is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.domains.proteins.backbones.random_weights import no_weights, random_weights  # noqa: F401
from tests.domains.proteins.examples import GB1, random_protein

SHARED = Path(os.environ.get("SCIENCEGEN_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def proteins() -> list[str]:
    """60 of different lengths, and GB1."""
    generator = np.random.default_rng(1)
    return [GB1, *(random_protein(generator, int(length)) for length in generator.integers(1, 400, size=60))]


@pytest.fixture(scope="session")
def beta_lactamase() -> Path:
    path = SHARED / "proteins" / "BLAT_ECOLX.a2m"
    if not path.is_file():
        pytest.skip(f"the β-lactamase alignment isn't at {path}; $SCIENCEGEN_SHARED_DATA names its folder")
    return path

"""Fixtures of the tests of mathematics; a folder's conftest.py takes what it needs by importing it.

The shapes in the annotations are enforced wherever the mathematics is imported (`tests/conftest.py`).
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Generator


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """The tensors are tiny: threads would wait for each other, for minutes on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def generator() -> Generator:
    return Generator().manual_seed(0)

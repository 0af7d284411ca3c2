"""Laws are checked in double precision, from one seed, with the shapes in the annotations enforced."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import install_import_hook
from torch import Generator

install_import_hook(["sciencegen.diffusion", "sciencegen.networks"], "beartype.beartype")


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """The tensors are tiny: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def generator() -> Generator:
    return Generator().manual_seed(0)

"""Laws are checked in double precision, from one seed."""

import pytest

from tests.laws import double_precision, generator, one_thread

__all__ = ["double_precision", "generator", "one_thread"]


@pytest.fixture(autouse=True)
def always_double(double_precision: None) -> None:
    """Every test here."""

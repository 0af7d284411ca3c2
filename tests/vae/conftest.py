"""Laws are checked from one seed, where they need it in double precision."""

from tests.laws import double_precision, generator, one_thread

__all__ = ["double_precision", "generator", "one_thread"]

"""Parts of draws cover every row once, whatever their size."""

from types import SimpleNamespace

import pytest

from sciencegen.api.sampling.draws import Draws, steerable
from sciencegen.config import COMPUTE_CHUNK, GenerateSettings
from sciencegen.errors import ConfigError

MODEL = SimpleNamespace(model=object(), folder="runs/m", recipe=SimpleNamespace(name="vae"))


@pytest.mark.parametrize(("few", "best_of", "particles"), [(True, 1, 1), (False, 3, 1), (False, 1, 8), (True, 200, 1)])
def test_parts_cover_each_wanted_row_once_in_order(few, best_of, particles):
    settings = GenerateSettings(n=1, attempts=COMPUTE_CHUNK + 70, best_of=best_of)
    draws = Draws(MODEL, settings, (), few, particles)
    rows = [COMPUTE_CHUNK * chunk + row for chunk, part in draws._parts() for row in range(part.start, part.stop)]
    assert rows == list(range(draws.wanted))
    assert draws.wanted == COMPUTE_CHUNK + 70


@pytest.mark.parametrize(("n", "attempts", "wanted"), [(1, None, 1000), (20, None, 1000), (21, None, 1050), (1, 3, 3)])
def test_without_a_limit_few_items_get_as_many_draws_as_twenty(n, attempts, wanted):
    assert Draws(MODEL, GenerateSettings(n=n, attempts=attempts), ()).wanted == wanted


def test_raw_draws_are_as_many_as_asked_and_a_model_without_steps_is_not_steered():
    assert Draws(MODEL, GenerateSettings(n=5, attempts=9, raw=True), ()).wanted == 5
    with pytest.raises(ConfigError, match="With `best_of` the goals choose"):
        steerable(MODEL)

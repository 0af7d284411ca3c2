"""Parts of draws cover every row once, whatever their size."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sciencegen.api.sampling.generation import Draws, steer, steerable
from sciencegen.batch import Batch
from sciencegen.config import COMPUTE_CHUNK, GenerateSettings
from sciencegen.errors import ConfigError

MODEL = SimpleNamespace(model=object(), folder="runs/m", recipe=SimpleNamespace(name="vae", cpu_rows=4), device="cpu")


TASK = object()
"""Stands for a task, whose draws are made in parts too."""


def parts(n, task=None, few=False, best_of=1, particles=1):
    """The rows of all draws that are computed together, as (first, last + 1)."""
    settings = GenerateSettings(n=1, attempts=n, best_of=best_of)
    found = Draws(MODEL, settings, (), few, particles, task=task).parts()
    return [(COMPUTE_CHUNK * chunk + part.start, COMPUTE_CHUNK * chunk + part.stop) for chunk, part in found]


@pytest.mark.parametrize(
    "how",
    [{"few": True}, {"best_of": 3}, {"particles": 8}, {"few": True, "best_of": 200}, {"task": TASK}],
    ids=" ".join,
)
@pytest.mark.parametrize("wanted", [1, 70, COMPUTE_CHUNK + 70])
def test_parts_cover_each_wanted_row_once_in_order(how, wanted):
    rows = [row for start, stop in parts(wanted, **how) for row in range(start, stop)]
    assert rows[:wanted] == list(range(wanted))
    assert len(rows) == len(set(rows)) < wanted + (1 if how.get("few") else 4)


@pytest.mark.parametrize(
    "how", [{"task": TASK}, {"best_of": 2}, {"particles": 2}, {"best_of": 2, "task": TASK}], ids=" ".join
)
def test_rows_are_computed_with_the_same_others_whatever_their_number(how):
    """Rounding depends on which rows a network computes together, and draw i must not depend on n."""
    longest = parts(COMPUTE_CHUNK + 9, **how)
    for wanted in (1, 2, 5, 7, COMPUTE_CHUNK, COMPUTE_CHUNK + 1):
        assert parts(wanted, **how) == longest[: len(parts(wanted, **how))]


def test_few_draws_of_a_slow_model_are_made_a_few_at_a_time_on_a_cpu():
    """512 at once would take minutes in silence, and longer."""
    assert parts(10, few=True) == [(0, 4), (4, 8), (8, 10)]
    on_gpu = SimpleNamespace(recipe=MODEL.recipe, device="cuda")
    assert list(Draws(on_gpu, GenerateSettings(n=10, raw=True), (), few=True).parts()) == [(0, slice(0, 10))]


@pytest.mark.parametrize(("n", "attempts", "wanted"), [(1, None, 1000), (20, None, 1000), (21, None, 1050), (1, 3, 3)])
def test_without_a_limit_few_items_get_as_many_draws_as_twenty(n, attempts, wanted):
    assert Draws(MODEL, GenerateSettings(n=n, attempts=attempts), ()).wanted == wanted


def test_raw_draws_are_as_many_as_asked_and_a_model_without_steps_is_not_steered():
    assert Draws(MODEL, GenerateSettings(n=5, attempts=9, raw=True), ()).wanted == 5
    with pytest.raises(ConfigError, match="With `best_of` the goals choose"):
        steerable(MODEL)


class Steered:
    """A model that asks for the reward of an estimate and of the end."""

    def steered(self, noise, steering, condition=None):
        rewards = steering.estimate(Batch({"x": noise})), steering.reward(Batch({"x": noise}))
        return Batch({"rewards": torch.stack(rewards, 1)})


def test_estimates_are_decoded_as_such_and_finished_draws_as_items():
    representation = SimpleNamespace(decode=lambda batch: [5, 6], decode_estimates=lambda batch: [1, 2])
    model = SimpleNamespace(model=Steered(), representation=representation, device="cpu")
    found = steer(model, np.zeros((1, 2, 3), np.float32), None, merit=list)
    assert found["rewards"].tolist() == [[1, 5], [2, 6]]

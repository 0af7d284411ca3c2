"""Training for a processor time: rows of batches, the learning rate, and going on from a checkpoint."""

import numpy as np
import pytest
import torch

from sciencegen.errors import DataError
from tests.benchmarks.timed_training import FINAL_RATE, WARM_UP, TimedTraining, train

LENGTHS = np.random.default_rng(0).integers(40, 97, 505)
TRAINING = TimedTraining(1.0, 1e-3, 12)
STEPS = len(LENGTHS) // 12


def test_an_epoch_has_each_row_once():
    rows = np.concatenate([TRAINING.rows(step, LENGTHS) for step in range(STEPS)])
    assert len(rows) == STEPS * 12 == len(np.unique(rows))
    other = [TRAINING.rows(STEPS + step, LENGTHS) for step in range(STEPS)]
    assert not np.array_equal(np.concatenate(other), rows)


def test_rows_of_a_batch_have_nearly_one_length():
    spread = np.mean([np.ptp(LENGTHS[TRAINING.rows(step, LENGTHS)]) for step in range(STEPS)])
    assert spread < 0.2 * np.ptp(LENGTHS)


def test_the_learning_rate_falls_with_time():
    assert TRAINING.rate(0, 0.0) == pytest.approx(1e-3 / WARM_UP)
    assert TRAINING.rate(WARM_UP, 0.0) == pytest.approx(1e-3)
    assert TRAINING.rate(WARM_UP, 1.0) == pytest.approx(1e-3 * FINAL_RATE)


class Mean(torch.nn.Module):
    """Its loss is least at the mean of the lengths."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.0))

    def loss(self, batch, step, generator):
        return {"loss": (batch - self.value).square().mean()}


def trained(seconds, path):
    model = Mean()
    batch = lambda rows: torch.from_numpy(LENGTHS[rows]).float()  # noqa: E731
    return train(model, batch, LENGTHS, TimedTraining(seconds, 0.1, 12), path), float(model.value)


def test_a_stopped_training_goes_on(tmp_path):
    steps, value = trained(0.3, tmp_path / "a.pt")
    assert steps > 0
    assert value > 0
    assert trained(0.3, tmp_path / "a.pt") == (steps, value)
    more, later = trained(0.6, tmp_path / "a.pt")
    assert more > steps
    assert later != value


@pytest.mark.parametrize("count", [12, 20, 61])
def test_epochs_leave_no_row_out_for_good(count):
    lengths = np.arange(40, 40 + count)
    seen = {row for step in range(60) for row in TRAINING.rows(step, lengths).tolist()}
    assert seen == set(range(count))


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="at least 12 items"):
        TRAINING.rows(0, np.arange(40, 48))

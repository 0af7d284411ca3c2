"""Checkpoints and the log."""

import pytest
import torch

from sciencegen.training.train import train
from tests.training.line import Killed, Line, batches, killed_at, settings


def test_it_learns_and_logs(tmp_path):
    model = Line()
    seen = []
    train(model, batches, settings(steps=300, ema_decay=0.9), tmp_path, progress=lambda *args: seen.append(args))
    assert model.layer.weight.item() == pytest.approx(2, abs=0.1)
    assert model.layer.bias.item() == pytest.approx(1, abs=0.1)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0].startswith("step,loss,noise")
    assert len(rows) == 31
    assert seen[-1][:2] == (300, 300)
    assert [step for step, *_ in seen[:2]] == [1, 10], "the first step is told, however long ten take"


def test_the_rate_is_of_the_items_of_whole_batches(tmp_path, monkeypatch):
    """The clock advances by a second for each batch of 16."""
    clock = [0.0]
    monkeypatch.setattr("sciencegen.training.train.time.monotonic", lambda: clock[0])

    def timed(step):
        for batch in batches(step):
            yield batch
            clock[0] += 1

    train(Line(), timed, settings(steps=30), tmp_path)
    rates = [float(row.rpartition(",")[2]) for row in (tmp_path / "log.csv").read_text().split()[2:]]
    assert rates == pytest.approx([16, 16], rel=0.2)


@pytest.mark.parametrize("kill", [15, 40])
@pytest.mark.long
def test_a_resumed_run_is_the_unbroken_run(tmp_path, kill):
    whole, broken = Line(), Line()
    train(whole, batches, settings(), tmp_path / "whole")
    with pytest.raises(Killed):
        train(broken, killed_at(kill), settings(), tmp_path / "broken")
    with open(tmp_path / "broken" / "log.csv", "a") as log:
        log.write("5")  # of 50, with the rest of its row
    resumed = Line()
    train(resumed, batches, settings(), tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    steps = [[row.split(",")[0] for row in (tmp_path / f / "log.csv").read_text().split()] for f in ("whole", "broken")]
    assert steps[0] == steps[1]


@pytest.mark.parametrize("kill", [15, 40])
def test_a_row_of_the_log_has_the_means_of_its_steps_also_if_it_was_killed_between(tmp_path, kill):
    often = settings(log_every=7)
    train(Line(), batches, often, tmp_path / "whole")
    with pytest.raises(Killed):
        train(Line(), killed_at(kill), often, tmp_path / "broken")
    train(Line(), batches, often, tmp_path / "broken")
    rows = [
        [row.rpartition(",")[0] for row in (tmp_path / f / "log.csv").read_text().split()] for f in ("whole", "broken")
    ]
    assert rows[0] == rows[1]

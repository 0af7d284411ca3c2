"""Loggers get the rows of log.csv, under its names, also across a resumed training."""

import csv
from importlib.util import find_spec

import pytest

from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings
from sciencegen.training.train import train
from tests.training.line import Killed, Line, batches, killed_at, settings


def logged(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_the_rows_of_the_log(tmp_path):
    train(Line(), batches, settings(logger="csv"), tmp_path)
    with (tmp_path / "csv/version_0/metrics.csv").open(newline="") as file:
        found = {int(row["step"]): row for row in csv.DictReader(file)}
    for row in logged(tmp_path):
        same = found[int(row["step"])]
        assert same.keys() == row.keys()
        assert float(same["loss"]) == pytest.approx(float(row["loss"]), rel=1e-5)


def test_tensorboard_goes_on_where_a_killed_training_was(tmp_path):
    accumulated = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with pytest.raises(Killed):
        train(Line(), killed_at(30), settings(logger="tensorboard"), tmp_path)
    train(Line(), batches, settings(logger="tensorboard"), tmp_path)
    events = accumulated.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("loss")}
    assert found == pytest.approx({int(row["step"]): float(row["loss"]) for row in logged(tmp_path)}, rel=1e-5)


def test_a_missing_library_is_named_with_what_to_install():
    missing = next((name for name in ("wandb", "mlflow", "tensorboard") if find_spec(name) is None), None)
    if missing is None:
        pytest.skip("all are installed")
    with pytest.raises(ConfigError, match=rf"sciencegen\[{missing}\]"):
        TrainingSettings(logger=missing)

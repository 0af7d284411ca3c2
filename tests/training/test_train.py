"""Training: it minimizes, it averages, and a resumed run ends with the unbroken run's weights."""

import shutil
import signal
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

import sciencegen.training
from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, Stopped
from sciencegen.training import TrainingSettings
from sciencegen.training.module import TrainedModule
from sciencegen.training.settings import CHECKPOINT
from sciencegen.training.stopping import SIGNALS, stop_on_signals
from sciencegen.training.train import train


def test_the_room_hides_none_of_its_files():
    """`sciencegen.training.train` is the module, whoever imported it first."""
    assert isinstance(sciencegen.training.train, ModuleType)
    assert not {path.stem for path in Path(sciencegen.training.__file__).parent.glob("*.py")} & set(
        sciencegen.training.__all__
    )


class Line(nn.Module):
    """y = a x + b with noise in its loss, so that the noise's key matters."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def loss(self, batch, step, generator):
        self.seen += 1
        noise = 0.1 * torch.randn(batch["y"].shape, generator=generator)
        error = (self.layer(batch["x"]) - batch["y"] + noise).square().mean()
        return {"loss": error, "noise": noise.mean()}


def batches(step):
    while True:
        x = torch.randn(16, 1, generator=torch.Generator().manual_seed(step))
        yield Batch({"x": x, "y": 2 * x + 1})
        step += 1


def settings(steps=60, **extra):
    return TrainingSettings(**{"steps": steps, "checkpoint_every": 10, "log_every": 10, "learning_rate": 0.05} | extra)


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


class Killed(Exception):
    pass


def killed_at(step):
    def source(start):
        yield from islice(batches(start), step - start)
        raise Killed

    return source


@pytest.mark.parametrize("kill", [15, 40])
def test_a_resumed_run_is_the_unbroken_run(tmp_path, kill):
    whole, broken = Line(), Line()
    train(whole, batches, settings(), tmp_path / "whole")
    with pytest.raises(Killed):
        train(broken, killed_at(kill), settings(), tmp_path / "broken")
    resumed = Line()
    train(resumed, batches, settings(), tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    steps = [[row.split(",")[0] for row in (tmp_path / f / "log.csv").read_text().split()] for f in ("whole", "broken")]
    assert steps[0] == steps[1]


def signalled_at(step, number):
    def source(start):
        yield from islice(batches(start), step - start)
        signal.raise_signal(number)
        yield from batches(step)

    return source


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_after_a_whole_step_that_is_saved(tmp_path, number):
    whole, resumed = Line(), Line()
    train(whole, batches, settings(), tmp_path / "whole")
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match="of 60 steps") as stop:
        train(Line(), signalled_at(17, number), settings(), tmp_path / "broken")
    assert stop.value.exit_code == 128 + number
    assert signal.getsignal(number) == before
    assert 17 <= torch.load(tmp_path / "broken" / CHECKPOINT, weights_only=True)["step"] <= 19
    train(resumed, batches, settings(), tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_second_signal_ends_it_at_once(tmp_path):
    def impatient(start):
        yield from islice(batches(start), 3)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match="in the middle of a step"):
        train(Line(), impatient, settings(), tmp_path)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_train_end"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_between_steps_is_heard_too(tmp_path, monkeypatch, hook, number):
    monkeypatch.setattr(TrainedModule, hook, lambda self, *_: self.step in (17, 60) and signal.raise_signal(number))
    with pytest.raises(Stopped) as stop:
        train(Line(), batches, settings(), tmp_path)
    assert stop.value.exit_code == 128 + number
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"]
    assert saved == (18 if hook == "on_train_batch_end" else 60)


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop_request:
            signal.raise_signal(signal.SIGHUP)
        assert stop_request.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_finished_run_is_not_trained_again(tmp_path):
    first, again = Line(), Line()
    train(first, batches, settings(), tmp_path)
    train(again, killed_at(0), settings(), tmp_path)
    assert torch.equal(first.layer.weight, again.layer.weight)


def test_wrong_settings_say_so():
    for name in ("steps", "batch_size", "checkpoint_every", "log_every"):
        with pytest.raises(ConfigError, match=name):
            TrainingSettings(**{name: 0})
    with pytest.raises(ConfigError, match="bfloat16"):
        TrainingSettings(precision="bfloat15")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_train_alike(tmp_path):
    plain, compiled = Line(), Line()
    train(plain, batches, settings(), tmp_path / "plain")
    torch._dynamo.utils.counters.clear()
    train(compiled, batches, settings(compile=True), tmp_path / "compiled")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    torch.testing.assert_close(compiled.layer.weight, plain.layer.weight, atol=1e-5, rtol=0)
    assert compiled.state_dict().keys() == plain.state_dict().keys()

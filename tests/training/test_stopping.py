"""Signals end a training between two steps."""

import signal
from itertools import islice

import pytest
import torch

from sciencegen.errors import Stopped
from sciencegen.training.progress import SIGNALS, stop_on_signals
from sciencegen.training.settings import CHECKPOINT
from sciencegen.training.train import TrainedModule, train
from tests.training.line import Line, batches, settings, signalled_at


@pytest.fixture(autouse=True)
def _heard():
    """A shell's background job, and nohup, start with signals ignored: these tests hear them all the same."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


def test_nothing_is_said_between_a_signal_and_the_save(tmp_path):
    """The reader of a pipe, such as `tee`, may get the signal too, and what can't be written would end the training."""
    said = []
    with pytest.raises(Stopped):
        train(
            Line(),
            signalled_at(17, signal.SIGTERM),
            settings(log_every=1),
            tmp_path,
            progress=lambda *row: said.append(row),
        )
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"]
    assert [step for step, *_ in said] == list(range(1, saved))


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

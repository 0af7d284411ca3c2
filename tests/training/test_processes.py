"""Training on several devices: two processes on a CPU train, stop and go on together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.diffusion.vectors import VectorDiffusionSettings, vector_diffusion
from sciencegen.errors import ConfigError, SciencegenError, Stopped
from sciencegen.files import process_is_alive
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.training.processes import RANK, VARIABLES, check_follows, in_processes, is_follower
from sciencegen.training.settings import CHECKPOINT, OPTIMIZERS, TrainingSettings
from sciencegen.training.train import fits_later, train
from tests.signals import hear
from tests.training.line import settings
from tests.training.network import Network, batches

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5
"""Of weights that change by 0.02 or more: gradients are summed in another order."""
SCRIPT = """
import os, sys, time
import torch
from tests.training.line import Line, batches, settings
from sciencegen.errors import Stopped
from sciencegen.training.train import train

def slow(step):
    for batch in batches(step):
        with open(sys.argv[1] + "/pids", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(float(sys.argv[2]))
        yield batch

torch.set_num_threads(1)
for name in ("first", "second"):  # the second training of a process works too
    model = Line()
    train(model, slow, settings(steps=40, devices=2, checkpoint_every=5), sys.argv[1] + "/" + name)
    torch.save(model.state_dict(), sys.argv[1] + f"/{name}.pt")
"""

EACH_OPTIMIZER = """
import sys
import torch
from tests.training.network import Network, batches
from tests.training.line import settings
from sciencegen.training.train import train

torch.set_num_threads(1)
for name in sys.argv[2:]:
    model = Network()
    train(model, batches, settings(30, optimizer=name, ema_decay=0.0, devices=2), sys.argv[1] + "/" + name)
    torch.save(model.state_dict(), sys.argv[1] + f"/{name}.pt")
"""

DIFFUSION = """
import sys
import torch
from tests.training.test_processes import diffusion, vectors
from tests.training.line import settings
from sciencegen.training.train import train

torch.set_num_threads(1)
model = diffusion()
train(model, vectors, settings(20, ema_decay=0.0, devices=2), sys.argv[1] + "/run")
torch.save(model.state_dict(), sys.argv[1] + "/diffusion.pt")
"""


def diffusion():
    drawing = DiffusionSettings(schedule="learned", dropout=ConditionDropout(0.5, 0.3, 0.5))
    return vector_diffusion("x", 3, 2, VectorDiffusionSettings(width=8, depth=1, diffusion=drawing))


def vectors(step):
    while True:
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        yield Batch({"x": x}, condition=x[:, :2])
        step += 1


def start(folder, pause):
    folder.mkdir(exist_ok=True)
    return run(SCRIPT, folder, str(pause))


def run(text, folder, *arguments):
    script = folder.parent / "script.py"
    script.write_text(text)
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    log = (folder / "log").open("a")
    return subprocess.Popen(
        [sys.executable, script, folder, *arguments], env=environment, stderr=log, preexec_fn=hear, cwd=folder,
        start_new_session=True,
    )  # fmt: skip


ENDS_WITHIN = 30.0
"""Seconds, of a machine with other work; seconds at most otherwise."""
KILLED = {
    "first": (signal.SIGKILL, "but the first one (pid"),
    "second": (signal.SIGKILL, "but process 1 (pid"),
    "stopped": (signal.SIGTERM, "Stopped: after"),
}


def end_one(folder, name):
    """Start the training, kill one of its processes after a checkpoint, and wait until both have ended."""
    for left in ("pids", "log"):
        (folder / left).unlink(missing_ok=True)
    process = start(folder, 0.3)
    checkpoint, deadline = folder / "first" / CHECKPOINT, time.monotonic() + 120
    before = checkpoint.stat().st_mtime if checkpoint.exists() else 0
    while not checkpoint.exists() or checkpoint.stat().st_mtime == before:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pids = set(map(int, (folder / "pids").read_text().split()))
    assert len(pids) == 2
    number, said = KILLED[name]
    os.kill(process.pid if name != "second" else (pids - {process.pid}).pop(), number)
    deadline = time.monotonic() + ENDS_WITHIN
    assert process.wait(ENDS_WITHIN) != 0
    while any(map(process_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(process_is_alive, pids)), "the other process ends too"
    assert said in (folder / "log").read_text()
    assert torch.load(checkpoint, weights_only=True)["step"] < 40


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_are_killed_resume_and_end_as_unbroken_ones(tmp_path):
    assert start(tmp_path / "whole", 0).wait(240) == 0, (tmp_path / "whole/log").read_text()
    (tmp_path / "broken").mkdir()
    for name in KILLED:
        end_one(tmp_path / "broken", name)
    assert start(tmp_path / "broken", 0).wait(240) == 0, (tmp_path / "broken/log").read_text()
    for name in ("first", "second"):
        whole, broken = (torch.load(tmp_path / f"{one}/{name}.pt", weights_only=True) for one in ("whole", "broken"))
        assert all(torch.equal(value, broken[key]) for key, value in whole.items())
        rows = [(tmp_path / f"{one}/{name}/log.csv").read_text().splitlines() for one in ("whole", "broken")]
        assert [row.split(",")[0] for row in rows[0]] == [row.split(",")[0] for row in rows[1]]


BEFORE_THE_GROUP = """
import os, signal, sys
from tests.training.line import Line, batches, settings
from sciencegen.training import processes
from sciencegen.training.train import train

processes.GRACE_S = 1.0
if os.environ.get(processes.RANK) == "1":
    os.kill(os.getppid() if sys.argv[2] == "first" else os.getpid(), signal.SIGKILL)
train(Line(), batches, settings(steps=40, devices=2), sys.argv[1] + "/model")
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "code"), [("first", -signal.SIGKILL), ("second", SciencegenError.exit_code)])
def test_a_process_killed_before_the_others_meet_it_ends_them(tmp_path, name, code):
    """The others wait for it in a library that no exception reaches, or find its place empty."""
    folder = tmp_path / "model"
    folder.mkdir()
    assert run(BEFORE_THE_GROUP, folder, name).wait(240) == code
    deadline = time.monotonic() + 240
    while KILLED[name][1] not in (folder / "log").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert KILLED[name][1] in (folder / "log").read_text()


LATE = """
import os, sys, time
from tests.training.line import Line, batches, settings
from sciencegen.training import processes
from sciencegen.training.train import train

if os.environ.get(processes.RANK) == "1":
    open(sys.argv[1] + "/started", "w").write(str(os.getpid()))
    time.sleep(60)
try:
    train(Line(), batches, settings(steps=40, devices=2), sys.argv[1] + "/model")
except KeyboardInterrupt:
    os._exit(130)  # the interpreter's own end takes seconds
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_ends_a_process_that_waits_for_another_to_start(tmp_path, send):
    folder = tmp_path / "model"
    folder.mkdir()
    process, deadline = run(LATE, folder), time.monotonic() + 240
    while not (folder / "started").exists() or not (folder / "started").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)  # until the first process waits
    send(process.pid, signal.SIGINT)
    assert process.wait(10.0) == 130
    other = int((folder / "started").read_text())
    while process_is_alive(other) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not process_is_alive(other)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_end_with_the_weights_of_one(tmp_path):
    """With each optimizer, for a model that draws noise for each row. SOAP's eigenvectors depend on
    rounding, so that its weights differ as much if the rows of a batch are in another order; its loss is compared."""
    folder = tmp_path / "two"
    folder.mkdir()
    assert run(EACH_OPTIMIZER, folder, *OPTIMIZERS).wait(800) == 0, (folder / "log").read_text()
    start = Network()
    for name in OPTIMIZERS:
        one, two = Network(), Network()
        two.load_state_dict(torch.load(folder / f"{name}.pt", weights_only=True))
        train(one, batches, settings(30, optimizer=name, ema_decay=0.0), tmp_path / name)
        pairs = list(zip(one.parameters(), two.parameters(), start.parameters(), strict=True))
        assert max((value - before).abs().max() for value, _, before in pairs) > 0.02, (
            "the training changed the weights"
        )
        if name == "soap":
            assert loss_of(two) == pytest.approx(loss_of(one), rel=1e-3)
            assert loss_of(two) < 0.99 * loss_of(start)
            continue
        for value, other, _ in pairs:
            torch.testing.assert_close(other, value, atol=TOLERANCE, rtol=0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_diffusion_in_two_processes_needs_no_search_for_unused_weights(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    one, two = diffusion(), diffusion()
    assert not fits_later(one)
    assert run(DIFFUSION, folder).wait(500) == 0, (folder / "log").read_text()
    assert "unused" not in (folder / "log").read_text()
    two.load_state_dict(torch.load(folder / "diffusion.pt", weights_only=True))
    train(one, vectors, settings(20, ema_decay=0.0), tmp_path / "one")
    for name, value in two.state_dict().items():
        torch.testing.assert_close(value, one.state_dict()[name], atol=1e-4, rtol=1e-3)


def loss_of(model):
    with torch.no_grad():
        return float(model.loss(next(batches(1000)), 0, torch.Generator())["loss"])


def test_a_follower_ends_with_the_block_also_if_it_is_stopped(monkeypatch):
    monkeypatch.setenv(RANK, "1")
    assert is_follower(2)
    assert not is_follower(1)
    with pytest.raises(SystemExit, match="0"), in_processes(2):
        pass
    with pytest.raises(SystemExit, match="0"), in_processes(2):
        raise Stopped(signal.SIGTERM)


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setenv(RANK, "0")
    monkeypatch.setattr("sciencegen.training.processes.worker_count", lambda threads: 6)
    before = torch.get_num_threads()
    try:
        for threads, expected in ((6, 3), (2, 2)):
            torch.set_num_threads(threads)
            with in_processes(2):
                assert torch.get_num_threads() == expected
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_session_that_cannot_be_started_again_is_refused(monkeypatch):
    monkeypatch.delenv(RANK, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["-c"])
    with pytest.raises(ConfigError, match="interactive session"), in_processes(2):
        pass


def test_a_follower_without_a_first_process_is_told(tmp_path):
    with pytest.raises(ConfigError, match="Start the command once"):
        check_follows(lambda: False, tmp_path)


def test_no_devices_are_refused():
    with pytest.raises(ConfigError, match="1 or more for devices"):
        TrainingSettings(devices=0)

"""Training: it minimizes, it averages, and a resumed run ends with the unbroken run's weights."""

import shutil
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import lightning
import pytest
import torch

import sciencegen.training
from sciencegen.errors import ConfigError
from sciencegen.training.optimizers import learning_rate
from sciencegen.training.settings import CHECKPOINT
from sciencegen.training.train import train
from tests.training.line import Killed, Line, batches, killed_at, settings
from tests.training.network import Network
from tests.training.network import batches as token_batches


def test_the_room_hides_none_of_its_files():
    """`sciencegen.training.train` is the module, whoever imported it first."""
    assert isinstance(sciencegen.training.train, ModuleType)
    assert not {path.stem for path in Path(sciencegen.training.__file__).parent.glob("*.py")} & set(
        sciencegen.training.__all__
    )


def test_a_finished_run_is_not_trained_again(tmp_path):
    first, again = Line(), Line()
    train(first, batches, settings(), tmp_path)
    train(again, killed_at(0), settings(), tmp_path)
    assert torch.equal(first.layer.weight, again.layer.weight)


def test_a_training_of_some_minutes_ends_with_its_schedule_and_counts_the_time_before_a_kill(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("sciencegen.training.train.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def of_a_second(start, last=1000):
        for step, batch in enumerate(batches(start), start):
            clock[0] += 1
            if step == last:
                raise Killed
            yield batch

    told, rates = [], []
    monkeypatch.setattr(
        "sciencegen.training.train.learning_rate", lambda *given: rates.append(learning_rate(*given)) or rates[-1]
    )
    limited = settings(1000, minutes=0.5, warmup_steps=1)
    with pytest.raises(Killed):
        train(Line(), partial(of_a_second, last=15), limited, tmp_path)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["spent"] == pytest.approx(10, abs=2)
    clock[0] = 500.0
    done = train(Line(), of_a_second, limited, tmp_path, progress=lambda step, total, terms: told.append((step, total)))
    assert done == pytest.approx(30, abs=3)
    assert told[-1] == (done, done)
    assert told[0][1] == pytest.approx(30, abs=5)
    assert rates[-1] == pytest.approx(limited.final_rate, abs=0.01)
    assert train(Line(), batches, settings(20, minutes=600), tmp_path / "few") == 20
    with pytest.raises(ConfigError, match="no sparsity with minutes"):
        settings(minutes=1, sparsity=0.5)


@pytest.mark.parametrize("every", [{}, {"log_every": 1000}])
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_checkpoint(tmp_path, every):
    def poisoned(start):
        for step, batch in enumerate(batches(start), start):
            yield batch if step < 15 else batch.map(lambda value: value * float("nan"))

    with pytest.raises(ConfigError, match=r"got nan in step 20 of 60: .* learning_rate=0.0125"):
        train(Line(), poisoned, settings(**every), tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["step"] == 10
    assert all(value.isfinite().all() for value in state["model"].values())


def test_a_slurm_job_trains_on_its_own_devices(tmp_path, monkeypatch):
    """A step of a job has one task, in which Lightning would take its number of processes for that of the tasks."""
    step = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_PROCID": "0"}
    for name, value in {**step, "SLURM_JOB_NAME": "train", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}.items():
        monkeypatch.setenv(name, value)
    made = []
    monkeypatch.setattr(lightning.Trainer, "fit", lambda trainer, *_: made.append(trainer))
    monkeypatch.setattr("sciencegen.training.train.in_processes", lambda devices, nodes: nullcontext())
    train(Line(), batches, settings(devices=2), tmp_path)
    environment = made[0].strategy.cluster_environment
    assert (made[0].world_size, environment.creates_processes_externally) == (2, False)


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


@pytest.mark.gpu
@pytest.mark.parametrize("more", [{}, {"compile": True}, {"precision": "bfloat16"}], ids=str)
def test_a_gpu_learns_what_a_cpu_does(tmp_path, more):
    """Noise is that of the GPU's own generator, so that losses are compared, on the data without noise."""
    found = {}
    for device in ("cpu", "cuda"):
        model = Network()
        train(model, token_batches, settings(200, **(more if device == "cuda" else {})), tmp_path / device, device)
        with torch.no_grad():
            found[device] = float(model.cpu().loss(next(token_batches(1000)), 0, torch.Generator())["loss"])
    assert found["cuda"] == pytest.approx(found["cpu"], rel=0.1)


@pytest.mark.gpu
def test_all_gpus_are_those_there(tmp_path):
    assert settings(devices="auto").on("cuda").devices == torch.cuda.device_count()

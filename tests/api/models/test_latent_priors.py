"""Logs and settings of the fits that follow a training."""

import re
from types import SimpleNamespace

import pytest
import torch

from sciencegen.api.models import plan as latent_priors
from sciencegen.api.models.plan import FitProgress, check_prior_settings, fit_priors
from sciencegen.batch import Batch
from sciencegen.config import COMPUTE_CHUNK, TrainSettings
from sciencegen.errors import ConfigError
from sciencegen.vae.array_columns import VALUES
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings
from sciencegen.vae.flows import PriorFit
from sciencegen.vae.image_vae import ImageVAE


def test_few_lines_tell_of_the_first_step_the_last_and_now_and_then(monkeypatch):
    clock, said = iter(range(0, 1000, 3)), []
    monkeypatch.setattr(latent_priors, "monotonic", lambda: next(clock))
    progress = FitProgress(said.append)
    for what, steps in (("prior of codes", 20), ("prior of map 1 of 2", 1)):
        for step in range(1, steps + 1):
            progress(what, step, steps, float(step))
    progress("posteriors", 1, 1, None)
    assert said == [
        "prior of codes: step 1/20  loss 1",
        "prior of codes: step 8/20  loss 5",
        "prior of codes: step 15/20  loss 12",
        "prior of codes: step 20/20  loss 18",
        "prior of map 1 of 2: step 1/1  loss 1",
        "posteriors: step 1/1",
    ]


class Silent:
    def to(self, device):
        return self

    def finish(self, batches, generator):
        self.seen = list(batches)


class Telling(Silent):
    def finish(self, batches, generator, steps=2, progress=None):
        super().finish(batches, generator)
        for step in range(1, steps + 1):
            progress("prior", step, steps, 0.5)


class Noting(Silent):
    def finish(self, batches, generator):
        super().finish(batches, generator)
        return PriorFit((), 0.0, 0.0, ("too few images",))


def test_what_could_not_be_fitted_is_a_note():
    said, held = [], SimpleNamespace(weights=None, arrays=range(1), once=lambda: iter("a"))
    fit_priors(Noting(), held, TrainSettings(), said.append)
    assert said[-1] == "note: too few images"


def test_a_model_tells_if_it_can_and_its_batches_are_counted():
    count = 2 * COMPUTE_CHUNK + 1
    held = SimpleNamespace(weights=None, arrays=range(count), once=lambda: iter("abc"))
    for model, more in ((Silent(), []), (Telling(), [f"prior: step {n}/3  loss 0.5" for n in (1, 3)])):
        said = []
        fit_priors(model, held, TrainSettings(finish={"steps": 3} if more else {}), said.append)
        assert said == ["finishing: step 1/3", "finishing: step 3/3", *more]
        assert model.seen == ["a", "b", "c"]
    fit_priors(SimpleNamespace(), held, TrainSettings(), said.append)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"precision": "bfloat"}, "Unknown finish.precision 'bfloat'. Did you mean 'bfloat16'"),
        ({"batch": 0}, "Expected a value like 512 for finish.batch, got 0"),
        ({"map_steps": -1}, "Expected a value like 5000 for finish.map_steps, got -1"),
        ({"progress": 1}, "Unknown key in finish 'progress'"),
    ],
)
def test_settings_that_would_spoil_a_trained_model_are_refused(values, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        check_prior_settings(ImageVAE, values)


def test_settings_that_fit_are_taken():
    check_prior_settings(ImageVAE, {"steps": 1, "batch": 8, "map_steps": 10, "precision": "bfloat16"})


def test_a_model_that_asks_is_told_how_long_it_was_trained():
    told = []
    model = SimpleNamespace(to=lambda device: None)

    def finish(batches, generator, trained: int = 0):
        told.append(trained)

    model.finish = finish
    held = SimpleNamespace(weights=None, arrays=[0], once=lambda: iter(()))
    fit_priors(model, held, TrainSettings(), lambda line: None, trained=30)
    assert told == [30]
    with pytest.raises(ConfigError, match="no `finish` for this recipe"):
        check_prior_settings(model, {"trained": 3})


class Cramped(ArrayVAE):
    """Has no room for its fit on any accelerator."""

    def __init__(self):
        super().__init__(3, 1, ArrayVAESettings(latent=2, width=8, depth=1, flow_layers=2, flow_width=8))
        self.places = []

    def to(self, device):
        self.places.append(device)
        return self

    def finish(self, batches, generator, *rest, **settings):
        found = super().finish(list(batches), generator, steps=3)
        if self.places[-1] != "cpu":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return found


class Placed(Batch):
    def to(self, device):
        return self


def test_a_fit_without_room_starts_again_on_the_cpu():
    said, generator = [], torch.Generator().manual_seed(0)
    batch = Placed({VALUES: torch.randn(40, 3, generator=generator)}, None, torch.zeros(40, 1))
    held = SimpleNamespace(weights=None, arrays=range(40), once=lambda: iter([batch]))
    crowded, roomy = Cramped(), Cramped()
    roomy.load_state_dict(crowded.state_dict())
    fit_priors(crowded, held, TrainSettings(), said.append, device="cuda")
    fit_priors(roomy, held, TrainSettings(), said.append, device="cpu")
    assert (crowded.places, roomy.places) == (["cuda", "cpu"], ["cpu"])
    assert [line for line in said if line.startswith("note: the accelerator's memory is too small")]
    for name, value in roomy.state_dict().items():
        assert torch.equal(crowded.state_dict()[name], value)


@pytest.mark.gpu
def test_a_gpu_fits_the_prior_of_a_cpu():
    batch = Batch({VALUES: torch.randn(400, 3)}, None, torch.zeros(400, 1))
    held, losses = SimpleNamespace(weights=None, arrays=range(400), once=lambda: iter([batch])), {}
    start = ArrayVAE(3, 1, ArrayVAESettings(latent=2, width=8, depth=1, flow_layers=2, flow_width=8)).eval()
    for device in ("cpu", "cuda"):
        model = ArrayVAE(3, 1, start.settings).eval()
        model.load_state_dict(start.state_dict())
        fit_priors(model, held, TrainSettings(finish={"steps": 200}), lambda line: None, device=device)
        model.to("cpu")
        code = model.encode(batch)
        losses[device] = float(-model.prior.log_prob(code, batch.condition).mean())
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.05)

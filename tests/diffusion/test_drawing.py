"""How a trained diffusion draws may be changed, wherever in a model it stands."""

import pytest
import torch
from torch import nn

from sciencegen.diffusion.model import Drawing, draw_by
from sciencegen.errors import ConfigError
from tests.diffusion.test_model import known


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.deep = nn.ModuleList([known(guidance=0.5)])


def test_only_what_is_named_changes():
    model = known(sampler="ddim")
    assert draw_by(model, Drawing(steps=3))
    assert (model.settings.sampler, model.settings.steps, model.settings.guidance) == ("ddim", 3, 0.0)
    draw_by(model, Drawing("heun", guidance=1.5))
    assert (model.settings.sampler, model.settings.steps, model.settings.guidance) == ("heun", 3, 1.5)


@pytest.mark.parametrize(
    ("drawing", "few"),
    [(Drawing("churn", 5), 60), (Drawing("heun"), 40), (Drawing(steps=7), 8), (Drawing(steps=8), 0),
     (Drawing("dpm-solver", 20), 0), (Drawing(guidance=1.0), 0)],
)  # fmt: skip
def test_few_steps_are_doubted_unless_they_are_the_models_own(drawing, few):
    model = known()
    draw_by(model, Drawing("ddim", 8))
    doubts = draw_by(model, drawing)
    assert doubts == [] if not few else f"{few} or more" in doubts[0]


def test_a_diffusion_is_found_wherever_it_stands():
    holder = Holder()
    assert draw_by(holder, Drawing(guidance=2.0)) == []
    assert holder.deep[0].settings.guidance == 2.0
    assert draw_by(nn.Linear(2, 2), Drawing(steps=3)) is None


def test_draws_are_those_of_a_model_with_these_settings(generator):
    noise, condition = torch.randn(50, 2, generator=generator), torch.ones(50, 2)
    model = known()
    draw_by(model, Drawing("churn", 7, 0.4))
    same = known(sampler="churn", guidance=0.4)
    draw_by(same, Drawing(steps=7))
    torch.testing.assert_close(model.generate(noise, condition)["x"], same.generate(noise, condition)["x"])


@pytest.mark.parametrize("name", ["ancestral", "churn"])
def test_less_noise_a_step_narrows_draws(name, generator):
    noise, spread = torch.randn(400, 2, generator=generator), {}
    for factor in (0.0, 0.5, 1.0):
        model = known(sampler=name)
        draw_by(model, Drawing(step_noise=factor))
        spread[factor] = model.generate(noise, torch.zeros(400, 2))["x"].std().item()
    assert spread[0.0] < spread[0.5] < spread[1.0]


def test_deterministic_samplers_take_no_step_noise():
    with pytest.raises(ConfigError, match="Expected a random sampler with `step_noise`, got 'ddim'"):
        draw_by(known(sampler="ddim"), Drawing(step_noise=0.5))
    draw_by(known(sampler="ancestral", step_noise=0.5), Drawing(sampler="ddim"))


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'heun'"):
        Drawing("huen")
    with pytest.raises(ConfigError, match="1 or more steps"):
        Drawing(steps=0)

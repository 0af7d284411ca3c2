"""`generate` sets sampler and steering of a diffusion, and keeps the best draws; `score` computes likelihoods."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.generate import generate
from sciencegen.api.models.folder import load_model
from sciencegen.api.writing.output_record import read_record
from sciencegen.config import drawing
from sciencegen.diffusion import samplers
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD
from tests.cli.conftest import read

pytestmark = pytest.mark.long


@pytest.fixture
def drawn(cli, toy_diffusion):
    """Draws of the toy diffusion as a table."""

    def draw(*flags: object, n: int = 32, model: Path = toy_diffusion) -> pd.DataFrame:
        options = ("--model", model, "-n", n, "--seed", 1, "--threads", 1, "--with", "radius,height")
        result = cli("generate", "pointclouds", *options, *flags, "-o", "drawn.csv", "--force")
        assert result.code == 0, result.err
        return pd.read_csv("drawn.csv")

    return draw


def test_the_help_names_every_sampler():
    assert tuple(samplers.SAMPLERS) == drawing.SAMPLERS


def test_a_sampler_and_its_steps_are_flags_and_settings(drawn, toy_diffusion):
    usual = drawn()
    same = drawn("--set", "sampler=dpm-solver", "--set", "steps=32")  # the model's own
    pd.testing.assert_frame_equal(same, usual)
    other = drawn("--set", "sampler=midpoint", "--set", "steps=40")  # an installed one
    assert not other["item"].equals(usual["item"])
    assert np.corrcoef(other["height"], usual["height"])[0, 1] > 0.9  # of the same noise
    table = generate(
        "pointclouds", 32, model=str(toy_diffusion), seed=1, threads=1, include=["radius", "height"],
        sampler="midpoint", steps=40,
    ).table  # fmt: skip
    assert table["item"].tolist() == other["item"].tolist()


def test_guidance_leans_towards_the_condition(drawn):
    asked = ("--where", "radius in 1.2..1.8", "--raw")
    free, led = drawn(*asked), drawn(*asked, "--set", "guidance=0.5")
    assert free["radius"].between(1.0, 2.0).mean() > 0.8
    assert led["radius"].mean() > free["radius"].mean()  # beyond what is asked, away from the data's mean of 1.15


def test_the_best_of_several_draws_is_nearer_to_the_goal(drawn, workspace):
    for model in ({}, {"model": workspace.model}):
        one = drawn("--where", "height in -3..3", **model)
        best = drawn("--best-of", 8, "--steer", "maximize height", **model)
        assert best["height"].mean() > one["height"].mean() + 0.8
    near = drawn("--best-of", 8, "--where", "radius=1.5")
    assert (near["radius"] - 1.5).abs().mean() < 0.6 * (drawn("--where", "radius=1.5")["radius"] - 1.5).abs().mean()


def test_the_record_says_what_fewer_draws_would_have_given(cli, workspace, tmp_path):
    """That of all draws is the mean of the rows, and that of one the mean of rows that are drawn once."""
    said = {}
    for count in (1, 4):
        flags = ["--best-of", count, "--steer", "maximize height"] if count > 1 else ["--with", "height"]
        output = tmp_path / f"{count}.csv"
        assert cli("generate", "pointclouds", "--model", workspace.model, "-n", 20, *flags, "-o", output).code == 0
        said[count] = np.mean([float(row["height"]) for row in read(output)])
    quality = read_record(tmp_path / "4.csv").quality_by_draws
    assert (quality["of"], quality["draws"], quality["items"]) == ("height", [1, 2, 4], [20] * 3)
    assert quality["mean"] == sorted(quality["mean"])
    assert quality["mean"][-1] == pytest.approx(said[4], rel=1e-4)
    assert read_record(tmp_path / "1.csv").quality_by_draws == {}


def test_steering_moves_the_mean_of_a_diffusion(drawn):
    drawn = partial(drawn, "--set", "steps=16")
    usual, steered = drawn(), drawn("--steer", "maximize height")
    assert steered["height"].mean() > usual["height"].mean() + 1
    both = drawn("--steer", "maximize height", "--steer", "radius <= 0.7", "--set", "particles=16")
    assert both["height"].mean() > usual["height"].mean() + 0.6
    assert both["radius"].mean() < usual["radius"].mean() - 0.1
    gentle = drawn("--steer", "maximize height", "--settings", "{strength: 1}", "--set", "particles=2")
    assert usual["height"].mean() < gentle["height"].mean() < steered["height"].mean()


def test_draws_do_not_depend_on_what_they_are_drawn_with(drawn):
    for flags in (
        ("--best-of", 3, "--steer", "maximize height"),
        ("--steer", "maximize height", "--set", "particles=3"),
    ):
        few, many = drawn(*flags, n=5), drawn(*flags, n=50)
        assert few["item"].tolist() == many["item"].tolist()[:5]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--set", "sampler=huen"), "Did you mean 'heun'"),
        (("--set", "steps=0"), "greater than or equal to 1"),
        (("--set", "guidance=1.0"), "Expected a condition of the model with --set guidance"),
        (("--best-of", 4), "Add --steer, such as 'maximize NAME', or --where"),
        (("--best-of", 4, "--raw", "--steer", "maximize height"), "Expected --raw or --best-of"),
        (("--set", "particles=4"), "Expected goals with --set particles"),
        (("--set", "particles=1", "--steer", "maximize height"), "2 or more with --steer"),
        (("--steer", "maximize hieght"), "Did you mean 'height'"),
    ],
)
def test_what_makes_no_sense_is_refused(cli, toy_diffusion, flags, told):
    result = cli("generate", "pointclouds", "--model", toy_diffusion, "-n", 2, *flags)
    assert (result.code, told in result.err) == (2, True), result.err


def test_a_model_that_takes_no_steps_is_told(cli, workspace):
    for flags, named in ((("--set", "sampler=heun"), "--set sampler"), (("--steer", "maximize height"), "--best-of")):
        result = cli("generate", "pointclouds", "--model", workspace.model, "-n", 2, *flags)
        assert result.code == 2
        assert "takes no steps from noise to data" in result.err
        assert named in result.err


def test_an_array_has_an_exact_likelihood(cli, drawn, toy_diffusion):
    drawn(n=4)
    score = ("score", "pointclouds", "drawn.csv", "--model", toy_diffusion, "--with", "log_likelihood")
    assert cli(*score, "-o", "scored.csv").code == 0
    table = pd.read_csv("scored.csv")
    model = load_model("pointclouds", toy_diffusion, "cpu")
    items = [model.domain.items.parse(text) for text in table["item"]]
    representation = model.representation
    batch = representation.batch(representation.encode(items))
    exact = model.model.log_prob(batch).numpy() - np.log(representation.values[1]).sum()
    assert table[LOG_LIKELIHOOD].to_numpy() == pytest.approx(exact, abs=1e-2)
    far = [item + 4 * np.eye(5, 2) for item in items]
    assert max(one.value for one in model.oracles[LOG_LIKELIHOOD].score(far)) < table[LOG_LIKELIHOOD].min()

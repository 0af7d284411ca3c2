"""Memory, time and GPUs that the steps ask for, and the number of GPUs that a training gets."""

import re

import pytest
import yaml

from tests.workflows.conftest import CONFIG, RULES, edited
from tests.workflows.snakemake_process import WORKFLOWS

PROFILES = WORKFLOWS / "profiles"
WHOLE = edited("complete", value={"recipe": "conformers"})


def steps(place, *flags, config=WHOLE):
    """Rule -> its text in a dry run."""
    done = place.snakemake("-n", "--printshellcmds", "--cores", 2, *flags, config=config)
    assert done.returncode == 0, done.stderr + done.stdout
    parts = re.split(r"^rule (\w+):$", done.stdout + done.stderr, flags=re.MULTILINE)
    return {name: text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name != "all"}


def asked(text):
    """The resources of a step."""
    return dict(re.findall(r"(\w+)=([^,\s]+)", re.search(r"^    resources: (.*)$", text, re.MULTILINE)[1]))


def test_every_step_asks_for_memory_and_time(place):
    found = steps(place)
    assert set(found) == RULES
    for name, text in found.items():
        resources = asked(text)
        assert int(resources["mem_mb"]) >= 2000, name
        assert 30 <= int(resources["runtime"]) <= 1440, name
        assert resources.get("gpu", "0") == "0", name


def test_gpus_reach_the_training_and_other_steps_use_one(place):
    found = steps(place, "--resources", "gpu=4", config=WHOLE | {"gpus": 4})
    gpus = {name: asked(text).get("gpu", "0") for name, text in found.items()}
    trainings, none = {"train", "complete"}, {"prepare", "predict", "report"}  # the predictor is a regression
    assert gpus == {name: "4" if name in trainings else "0" if name in none else "1" for name in RULES}
    for name, text in found.items():
        assert ("--training devices=4" in text) == (name in trainings)


def test_a_predictor_gets_a_gpu_where_it_reads_a_model(place):
    config = edited("predict", "stain", "settings", value={"inputs": "both"}) | {"device": "cuda"}
    found = asked(steps(place, config=config)["predict"])
    assert (found["gpu"], found["device"]) == ("1", "cuda")


@pytest.mark.parametrize(("gpus", "flags"), [(1, ["--resources", "gpu=4"]), (4, ["--resources", "gpu=1"])])
def test_one_gpu_is_no_number_of_devices(place, gpus, flags):
    train = steps(place, *flags, config=CONFIG | {"gpus": gpus})["train"]
    assert asked(train)["gpu"] == "1"
    assert "devices" not in train.split("Shell command")[1]


@pytest.mark.long
def test_the_device_cuda_needs_a_gpu_and_copied_weights_none(place):
    found = steps(place, config=edited("train", value={"model": "molecules"}) | {"device": "cuda", "gpus": 2})
    assert (asked(found["train"])["gpu"], asked(found["generate"])["gpu"]) == ("0", "1")
    assert asked(steps(place, config=CONFIG | {"device": "cuda"})["train"])["gpu"] == "1"


@pytest.mark.long
def test_a_container_is_used_on_request_only(place):
    """Without the flag for it, the image is no part of the software that a change of reruns the steps."""
    assert place.snakemake("--cores", 2, config=CONFIG).returncode == 0
    assert place.would_run(CONFIG | {"container": "mine.sif"}) == {"report"}


@pytest.mark.parametrize("profile", ["kubernetes", "slurm"])
def test_a_cluster_profile_leaves_memory_and_time_to_the_rules(profile):
    values = yaml.safe_load((PROFILES / profile / "config.yaml").read_text())
    assert values["executor"] == profile
    assert set(values["set-threads"]) == RULES
    assert "mem_mb" in values["default-resources"]

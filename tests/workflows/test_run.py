"""`sciencegen run`: its errors, and that whatever is killed, the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest
import yaml

from sciencegen.api.run import read_config
from sciencegen.cli.main import main
from sciencegen.errors import ConfigError
from sciencegen.runs import RunFolder
from tests.signals import hear
from tests.workflows.conftest import edited, settings_in
from tests.workflows.snakemake_process import WORKFLOWS, run_in_this_process

DRIVER = """
import os, sys
from sciencegen.api.workflow import supervision
from sciencegen.cli.main import main
real = supervision.job_environment
def with_stand_in(folder):
    found = real(folder)
    return {**found, "PATH": os.pathsep.join((os.path.join(os.getcwd(), "bin"), found["PATH"]))}
supervision.job_environment = with_stand_in
main()
"""
"""The real command, whose jobs find the stand-in before it."""


RUNNABLE = {
    "domain": "molecules",
    "name": "test",
    "structures": ".sdf",
    "prepare": {"source": "items.smi"},
    "train": {"training": {"steps": 3}},
    "generate": {"n": 7},
    "predict": {"stain": {"table": "stain.csv", "target": "y"}},
    "optimize": {"goals": ["maximize stain", "sa <= 3"]},
    "propose": {"measured": "stain.csv", "target": "y"},
    "evaluate": {"against": "moses/test", "training": "known.smi"},
}
"""A config whose names are all right, of the files that a place has."""
changed = partial(edited, config=RUNNABLE)


def start(place, *flags, config=RUNNABLE, **options):
    place.write(config)
    words = [sys.executable, "-c", DRIVER, "run", "molecules", "--config", "config.yaml", *flags]
    return subprocess.Popen(
        words, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear, **options
    )


def finish(process):
    said, heard = process.communicate(timeout=120)
    return process.returncode, said, heard


STOPPED = "stopped early"
GO_ON = "To go on, run the same command: sciencegen run molecules --config config.yaml"


@pytest.fixture
def call(place, monkeypatch, capfd):
    """The same command in this process, which has imported everything, and Snakemake forked from one that has: for runs
    that nobody kills."""

    def run_here(*flags, config=RUNNABLE):
        place.write(config)
        monkeypatch.setattr(sys, "argv", ["sciencegen", "run", "molecules", "--config", "config.yaml", *flags])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(own_process=False)
        return ended.value.code, *capfd.readouterr()

    run_in_this_process(monkeypatch, place.folder / "bin")
    monkeypatch.chdir(place.folder)
    return run_here


def wait_for(place, verb, timeout_s=60):
    """The pid of the stand-in that was called with this verb."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if (place.folder / "calls.jsonl").exists() and (calls := place.calls(verb)):
            return calls[-1]["pid"]
        time.sleep(0.1)
    raise AssertionError(f"{verb} was never called")


@pytest.mark.long
def test_a_run_prints_its_report_and_nothing_else_on_stdout(call, place):
    """A typo after it costs no earlier result."""
    code, said, heard = finish(start(place))
    assert code == 0, heard
    assert said == "results/molecules/test/report.html\n"
    assert (place.folder / said.strip()).is_file()
    assert "train speaks" in heard
    before = {path: path.stat().st_mtime_ns for path in place.results.rglob("*")}
    code, said, heard = call(config=changed("train", "settings", value={"raduis": 8}))
    assert (code, said) == (2, "")
    assert "config.yaml, train: Unknown key in settings of recipe 'smiles-vae' 'raduis'." in heard
    assert {path: path.stat().st_mtime_ns for path in place.results.rglob("*")} == before


def test_a_dry_run_computes_nothing(call, place):
    code, said, heard = call("--", "-n")
    assert code == 0, heard
    assert said == ""
    assert not (place.folder / "calls.jsonl").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "victim", ["run", *(pytest.param(one, marks=pytest.mark.slow) for one in ("snakemake", "job"))]
)
def test_the_same_command_goes_on_after_kill_9(call, place, victim):
    (place.folder / "slow").write_text("train 100")
    process = start(place)
    job = wait_for(place, "train")
    snakemake = psutil.Process(process.pid).children()[0]
    os.kill({"run": process.pid, "snakemake": snakemake.pid, "job": job}[victim], signal.SIGKILL)
    process.wait(60)
    (place.folder / "slow").unlink()
    code, _, heard = call()
    assert code == 0, heard
    assert not psutil.pid_exists(job), "a job of the killed run lives on"
    assert not snakemake.is_running()
    assert len(place.calls("prepare")) == 1, "a finished step was run again"
    assert len(place.calls("train")) == 2


@pytest.mark.long
def test_ctrl_c_ends_in_a_line_that_says_how_to_continue(place):
    """A terminal sends SIGINT to all processes of the run."""
    (place.folder / "slow").write_text("train 100")
    process = start(place, process_group=0)
    job = wait_for(place, "train")
    os.killpg(process.pid, signal.SIGINT)
    code, said, heard = finish(process)
    assert (code, said) == (130, "")
    assert heard.splitlines()[-2:] == [STOPPED, GO_ON]
    assert not psutil.pid_exists(job)


@pytest.mark.long
def test_sigterm_ends_everything_below(place):
    (place.folder / "slow").write_text("train 100")
    process = start(place)
    job = wait_for(place, "train")
    process.send_signal(signal.SIGTERM)
    code, _, heard = finish(process)
    assert (code, *heard.splitlines()[-2:]) == (143, STOPPED, GO_ON)
    assert not psutil.pid_exists(job)


@pytest.mark.long
def test_two_runs_never_share_a_folder(place):
    with RunFolder(place.results).lock():
        code, _, heard = finish(start(place))
    assert code == 2
    assert "another process writes there" in heard


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("optimize", "Found 2 of 100 candidates (all written) among 9 scored items, of which 7 miss a goal"),
        ("propose", "Found 2 of 96 items that may be proposed"),
    ],
)
@pytest.mark.long
def test_fewer_than_asked_are_told_with_the_report(call, place, verb, told):
    (place.folder / "found").write_text(f"{verb} 2")
    code, said, heard = call()
    assert code == 5, heard
    assert said == "results/molecules/test/report.html\n"
    assert told in heard
    assert "--" not in heard[heard.index("error: Found") :], "remedies are keys of the config, no flags"
    assert call("--", "-n")[0] == 0


@pytest.mark.long
def test_fewer_samples_than_asked_are_a_note(call, place):
    (place.folder / "found").write_text("generate 2")
    code, said, heard = call()
    assert (code, said) == (0, "results/molecules/test/report.html\n"), heard
    assert "note: 2 of 7 samples were drawn. Loosen where" in heard


def test_no_sample_at_all_ends_in_the_generation(call, place):
    (place.folder / "found").write_text("generate 0")
    (place.folder / "exit").write_text("generate 5")
    code, _, heard = call()
    assert code != 0
    assert "rule generate" in heard
    assert "MissingOutputException" not in heard


@pytest.mark.long
def test_a_search_that_did_not_run_is_held_against_nothing_new(call, place):
    (place.folder / "found").write_text("optimize 2")
    config = changed("optimize", "n", value=2)
    assert call(config=config)[0] == 0
    more = changed("optimize", "n", value=3)
    code, _, heard = call("--", "--until", "train", config=more)
    assert (code, "Found 2" in heard) == (0, False), heard
    told = settings_in(place.folder / "config.yaml").model_dump(mode="json", by_alias=True)
    (place.results / "config.yaml").write_text(yaml.safe_dump(told))
    code, _, heard = call("--", "--until", "train", config=more)
    assert (code, "Found 2 of 3" in heard) == (5, True), "what the report is of, is told again"


@pytest.mark.long
def test_a_failed_step_is_told_with_where_its_log_is(call, place):
    (place.folder / "exit").write_text("evaluate 3")
    code, said, heard = call()
    assert code != 0
    assert said == ""
    assert "results/molecules/test/logs" in heard


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed("optimise", value={}), "did you mean 'optimize'"),
        (changed("train", "modle", value="x"), "did you mean 'model'"),
        (changed("domain", value="galaxies"), "is one of galaxies"),
        (changed("prepare", "source", value="item.smi"), "found no file 'item.smi'"),
        (changed("predict", "stain", "table", value="stian.csv"), "found no file 'stian.csv'"),
        (changed("predict", "stain", "table", value="freesolv/test"), "Expected freesolv/ and one of all"),
    ],
)
def test_a_wrong_config_is_an_error_before_anything_runs(place, monkeypatch, config, message):
    place.write(config)
    monkeypatch.chdir(place.folder)
    with pytest.raises(ConfigError, match=message):
        read_config("molecules", place.folder / "config.yaml", None)


@pytest.mark.slow
@pytest.mark.timeout(960)
@pytest.mark.parametrize("config", sorted((WORKFLOWS / "config" / "smoke").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_smoke_run_ends_with_a_report(config, tmp_path):
    settings = settings_in(config)
    words = [sys.executable, "-m", "sciencegen.cli.main", "run", settings.domain, "--config", str(config)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    page = tmp_path / done.stdout.strip()
    assert "<svg" in page.read_text()
    names = ["candidates.parquet", "candidates.csv", f"candidates{settings.structures}", "metrics.json"]
    names += [f"predictors/{name}/config.yaml" for name in settings.predict]
    names += [name for name, asked in (("variants.csv", settings.variants), ("plate.csv", settings.propose)) if asked]
    for name in names:
        assert (page.parent / name).stat().st_size > 0

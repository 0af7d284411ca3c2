"""Folders in which requests may write hold no code, and jobs look for none there."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sciencegen.errors import ConfigError
from sciencegen.plugins import ALLOWED
from sciencegen.serving.jobs import COMMAND, PACKAGE, SEARCHED, environment_of_jobs
from sciencegen.serving.requests import AllowedPrograms, Boundary, read_programs
from tests.domains.tables.known_table import table


@pytest.fixture
def path(monkeypatch):
    """The search path of this process, which may be changed."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return sys.path


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        (str(PACKAGE.parent), "this package"),
        ("home", "your home folder"),
        ("home/.cache", "code that libraries have compiled"),
        ("home/.local", "modules that are imported"),  # those of the user, though there are none yet
        ("temporary", "the system's temporary folder"),
        (sys.prefix, "modules that are imported"),
        (str(PACKAGE / "pretrained"), "outside of Python's"),
    ],
)
def test_no_folder_with_code_is_served(folder, what, tmp_path, path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "USER_SITE", str(tmp_path / "home/.local/lib/python/site-packages"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    place, other = (tmp_path / folder).resolve(), tmp_path / "served"
    for boundary in (Boundary(place), Boundary(other, (place,))):
        with pytest.raises(ConfigError, match=what):
            environment_of_jobs(boundary, AllowedPrograms({}), tmp_path)
    environment_of_jobs(Boundary(other), AllowedPrograms({}), tmp_path)


@pytest.mark.parametrize("text", ["my_scores:f", "dock=./dock.sh {input} {output}", "dock=dock {input} {output}"])
def test_no_oracle_lies_where_requests_may_write(tmp_path, path, text):
    (tmp_path / "my_scores.py").write_text("")
    (tmp_path / "dock.sh").write_text("")
    with pytest.raises(ConfigError, match=r"--oracle names|in which programs run"):
        environment_of_jobs(Boundary(tmp_path), read_programs([text], tmp_path), tmp_path)
    environment_of_jobs(Boundary(tmp_path / "served"), read_programs([text], tmp_path), tmp_path)


def test_a_folder_with_the_name_of_a_module_is_not_served(tmp_path, path):
    path.insert(0, str(tmp_path))
    with pytest.raises(ConfigError, match="the name of a module"):
        environment_of_jobs(Boundary(tmp_path / "numpy"), AllowedPrograms({}), tmp_path)
    path.insert(0, str(tmp_path / "inside"))
    with pytest.raises(ConfigError, match="modules that are imported"):
        environment_of_jobs(Boundary(tmp_path), AllowedPrograms({}), tmp_path / "elsewhere")


def test_the_current_folder_leaves_the_path_where_it_is_served(tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path[:0] = ["", str(tmp_path)]
    environment_of_jobs(Boundary(tmp_path), AllowedPrograms({}), tmp_path)
    assert not {"", str(tmp_path)} & set(path)


@pytest.mark.parametrize("name", SEARCHED)
def test_jobs_look_for_code_outside_of_folders_of_requests(tmp_path, path, monkeypatch, name):
    """An empty or relative place means the current folder, which for a job is the server's."""
    folder, here = tmp_path / "served", tmp_path / "here"
    monkeypatch.setenv(name, os.pathsep.join(["", "lib", str(folder), str(folder / "lib"), "/opt/lib"]))
    found = environment_of_jobs(Boundary(folder), AllowedPrograms({}), here)
    assert found[name].split(os.pathsep) == [str(here), str(here / "lib"), "/opt/lib"]
    assert found[ALLOWED] == '{"programs": [], "functions": [], "folder": "/"}'


HOSTILE = "import os\nopen(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ran'), 'a').write(__name__)\n"
NAMES = (
    "sitecustomize", "usercustomize", "torch", "numpy", "yaml", "typer", "json", "multiprocessing", "conftest", "setup",
    "sciencegen", "tests", "rdkit", "pkgutil", "colorsys",
)  # fmt: skip
WORKERS = (
    "from pkgutil import resolve_name\nfrom sciencegen.data.workers import map_killable\n"
    "print([*map_killable(resolve_name, ['colorsys:__file__'], processes=1)])"
)
TINY = "{settings: {width: 8, depth: 1, flow_layers: 2, flow_width: 8, score_samples: 4}, finish: {steps: 2}}"
TRAINING = (
    *COMMAND, "train", "arrays", "--data", "table.csv", "-o", "model", "--training", "steps=2", "--training",
    "warmup_steps=1", "--settings", TINY, "--threads", "1", "--device", "cpu", "--devices", "2",
)  # fmt: skip


@pytest.mark.parametrize(
    "command", [(sys.executable, "-P", "-c", WORKERS), pytest.param(TRAINING, marks=pytest.mark.slow)]
)
def test_uploads_with_names_of_modules_are_not_imported(tmp_path, path, command):
    """By the job, by its workers, which a new process starts, and by the other processes of a training."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    (tmp_path / "evil.pth").write_text("import torch\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    for name in ("Snakefile", "setup.cfg", ".snakemake"):
        (tmp_path / name).write_text("import torch\n")
    table(40, seed=1).to_csv(tmp_path / "table.csv", index=False)
    environment = dict(environment_of_jobs(Boundary(tmp_path), AllowedPrograms({}), Path("/")))
    given = [str(PACKAGE.parent), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(given)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "colorsys.py") not in done.stdout
    assert not (tmp_path / "ran").exists()

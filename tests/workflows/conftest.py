"""A folder in which Snakemake runs with a stand-in for the `sciencegen` command."""

import copy
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sciencegen.config import RunSettings, build_settings, read_settings
from tests.workflows.snakemake_process import snakemake

HERE = Path(__file__).parent

CONFIG = {
    "domain": "molecules",
    "name": "test",
    "structures": ".sdf",
    "prepare": {"source": "items.smi", "wild_type": "wild.fasta"},
    "train": {"training": {"steps": 3}},
    "generate": {"n": 7, "scaffold": "part.sdf"},
    "predict": {"stain": {"table": "stain.csv", "target": "y", "wild_type": "named.fasta"}},
    "optimize": {"goals": ["maximize stain"], "budget": 9, "training": "known.smi"},
    "variants": {},
    "propose": {"measured": "stain.csv", "target": "y", "wild_type": "origin.fasta", "pool": "pool.csv"},
    "evaluate": {"against": "moses/test", "training": "seen.smi"},
    "report": {"title": "A test"},
}
FILES = ("wild.fasta", "named.fasta", "origin.fasta", "part.sdf", "known.smi", "pool.csv", "seen.smi")
"""Those of CONFIG in which the stand-in finds nothing."""
RULES = {"prepare", "train", "complete", "generate", "predict", "optimize", "variants", "propose", "evaluate", "report"}


@dataclass
class Place:
    """folder: where Snakemake works. results: those of CONFIG in it."""

    folder: Path

    @property
    def results(self):
        return self.folder / "results" / "molecules" / "test"

    @property
    def environment(self):
        return {**os.environ, "PATH": os.pathsep.join((str(self.folder / "bin"), os.environ["PATH"]))}

    def calls(self, verb=None):
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if verb in (None, call["verb"])]

    def write(self, config):
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def snakemake(self, *flags, config=CONFIG):
        self.write(config)
        return snakemake("--configfile", "config.yaml", *flags, cwd=self.folder, environment=self.environment)

    def would_run(self, config=CONFIG):
        """Names of the rules that a run with this config would execute."""
        done = self.snakemake("-n", config=config)
        assert done.returncode == 0, done.stderr + done.stdout
        return rules_in(done.stdout + done.stderr)


def rules_in(text):
    return set(re.findall(r"^(?:local)?rule (\w+):$", text, flags=re.MULTILINE)) - {"all"}


def settings_in(path):
    """A config file as settings."""
    return build_settings(RunSettings, read_settings(f"@{path}"), str(path))


def edited(*path, value, config=CONFIG):
    """A config with one key changed."""
    config = copy.deepcopy(config)
    section = config
    for name in path[:-1]:
        section = section.setdefault(name, {})
    section[path[-1]] = value
    return config


def make_place(folder):
    (folder / "bin").mkdir()
    command = folder / "bin" / "sciencegen"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -S {HERE / "stand_in.py"} "$@"\n')
    command.chmod(0o755)
    (folder / "items.smi").write_text("CCO\n")
    (folder / "stain.csv").write_text("item,y\nCCO,1\n")
    for name in FILES:
        (folder / name).write_text("")
    return Place(folder)


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A place in which the whole workflow has run once; only look, or run dry."""
    place = make_place(tmp_path_factory.mktemp("finished"))
    done = place.snakemake()
    assert done.returncode == 0, done.stderr
    place.said = done.stderr + done.stdout
    return place

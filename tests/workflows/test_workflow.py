"""The workflow is clean, every rule has a log and a benchmark, and its configs are what the settings know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sciencegen.api.run import read_config, snakemake_command
from sciencegen.config import RunSettings
from sciencegen.errors import ConfigError
from tests.toy import REPOSITORY

WORKFLOWS = REPOSITORY / "workflows"
RULES = sorted((WORKFLOWS / "rules").glob("*.smk"))
CONFIGS = sorted(path for path in (WORKFLOWS / "config").rglob("*.yaml") if path.name != "default.yaml")


def snakemake(*flags: str, cwd: Path) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "snakemake", "-s", str(WORKFLOWS / "Snakefile"), *flags]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_lint_is_clean(tmp_path):
    done = snakemake("--lint", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "good condition" in done.stdout + done.stderr


def test_format_is_clean():
    done = subprocess.run([sys.executable, "-m", "snakefmt", "--check", str(WORKFLOWS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: str(path.relative_to(WORKFLOWS / "config")))
def test_a_dry_run_plans_every_rule(tmp_path, config):
    done = snakemake("--dry-run", "--configfile", str(config), "--cores", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for rule in ("prepare", "train", "generate", "optimize", "evaluate", "report"):
        assert f"rule {rule}:" in done.stdout + done.stderr


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: str(path.relative_to(WORKFLOWS / "config")))
def test_every_config_is_known_to_the_settings(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "family.a2m").touch()  # a user's own
    domain = yaml.safe_load(config.read_text())["domain"]
    settings, _ = read_config(domain, config, None)
    assert isinstance(settings, RunSettings)
    assert settings.optimize.goals


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_call_the_command_only(path):
    text = path.read_text()
    rules = text.count("\nrule ") + text.startswith("rule ")
    for directive in ("log:", "benchmark:", "conda:", "shell:"):
        assert text.count(f"    {directive}") == rules, directive
    assert not any(word in text for word in ("    script:", "    run:", "import sciencegen", "configfile"))


def test_flags_of_the_user_come_last_and_cores_are_not_given_twice(tmp_path):
    settings = RunSettings(domain="pointclouds", threads=3)
    ours = snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "default", settings, [])
    theirs = snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "default", settings, ["--cores", "1", "-n"])
    assert ours[-2:] == ["--cores", "3"]
    assert theirs[-3:] == ["--cores", "1", "-n"]
    assert theirs.count("--cores") == 1
    with pytest.raises(ConfigError, match="slurm"):
        snakemake_command(WORKFLOWS, tmp_path / "c.yaml", "slum", settings, [])


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_profiles_use_flags_that_snakemake_has(profile, tmp_path):
    done = subprocess.run([sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True, cwd=tmp_path)
    flags = yaml.safe_load((WORKFLOWS / "profiles" / profile / "config.yaml").read_text())
    assert flags
    for name in flags:
        assert f"--{name}" in done.stdout

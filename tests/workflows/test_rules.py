"""The rules as text: clean, without a domain, and with nothing in them but the `sciencegen` command."""

import importlib
import pkgutil
import re
import shlex

import pytest
import typer
import yaml

from sciencegen import api, cli, config
from sciencegen.api.run import read_config
from sciencegen.cli.main import app
from sciencegen.config import RunSettings
from sciencegen.domains import domain_names
from tests.own_files import write_own_files
from tests.workflows.conftest import RULES, rules_in, settings_in
from tests.workflows.snakemake_process import WORKFLOWS, call_snakemake, snakemake

FILES = [WORKFLOWS / "Snakefile", *sorted((WORKFLOWS / "rules").glob("*.smk"))]
CONFIGS = [path for path in sorted((WORKFLOWS / "config").rglob("*.yaml")) if path.name != "default.yaml"]
PROFILES = sorted(path.name for path in (WORKFLOWS / "profiles").iterdir())


def rules_of(path):
    """Name -> text of each rule in a file."""
    parts = re.split(r"^rule (\w+):$", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


ALL_RULES = {name: text for path in FILES for name, text in rules_of(path).items() if name != "all"}


def test_every_step_is_a_rule():
    assert set(ALL_RULES) == RULES


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_logs_is_measured_and_calls_the_command_only(name):
    text = ALL_RULES[name]
    assert re.search(r"^    log:$", text, re.MULTILINE)
    assert re.search(r"^    benchmark:$", text, re.MULTILINE)
    assert not re.search(r"^    (run|script|notebook|wrapper):", text, re.MULTILINE)
    shell = "".join(re.findall(r'"([^"]*)"', text.split("    shell:\n")[1]))
    fewer = r"( \|\| (test \$\? -eq 5|\{\{ test \$\? -eq 5 && test -e \{output:q\}; \}\}))?$"
    assert re.match(r"sciencegen [^;&]*2>&1 \| tee \{log:q\}" + fewer, shell)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_rule_knows_a_domain(path):
    text = path.read_text().lower()
    assert "import sciencegen" not in text
    for word in (*domain_names(), "smiles", "rdkit", "sdf", "moses"):
        assert word not in text


def test_lint_is_clean(tmp_path):
    done = snakemake("--lint", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "good condition" in done.stdout + done.stderr


class Understood(Exception):
    """A verb has read its words and settings."""


def understand(words, monkeypatch):
    """Let the real command read its words, and end where it would begin to work."""
    for package in (api, cli):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)  # now: one imported below would keep the function that ends verbs
    build = config.build_settings

    def read_and_end(*arguments):
        build(*arguments)
        raise Understood

    command = typer.main.get_command(app)
    with monkeypatch.context() as patch:
        patch.setattr(config, "build_settings", read_and_end)
        with pytest.raises(Understood):
            command(words, standalone_mode=False)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_config_is_valid_and_plans_a_whole_run(path, tmp_path, monkeypatch):
    settings = settings_in(path)
    assert settings.domain in (path.stem.split("-")[0], path.parent.name)
    write_own_files(tmp_path, yaml.safe_load(path.read_text()))
    done = snakemake("--dry-run", "--printshellcmds", "--configfile", path, "--cores", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for rule in ("prepare", "train", "generate", "optimize", "evaluate", "report"):
        assert f"rule {rule}:" in done.stdout + done.stderr
    absent = {name for name in ("predict", "complete", "variants", "propose") if not getattr(settings, name)}
    assert rules_in(done.stdout + done.stderr) == RULES - absent
    commands = re.findall(r"^Shell command: sciencegen (.*?) 2>&1", done.stdout + done.stderr, re.MULTILINE)
    assert len(commands) == len(RULES - absent) + max(len(settings.predict) - 1, 0)
    monkeypatch.chdir(tmp_path)
    settings.folder.mkdir(parents=True, exist_ok=True)
    for command in commands:
        understand(shlex.split(command), monkeypatch)


def test_without_a_config_the_default_domain_runs(tmp_path):
    default = yaml.safe_load((WORKFLOWS / "config" / "default.yaml").read_text())["domain"]
    done = snakemake("--dry-run", "--config", "seed=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"results/{default}/" in done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_names_rules_that_exist(profile):
    values = yaml.safe_load((WORKFLOWS / "profiles" / profile / "config.yaml").read_text())
    assert set(values.get("set-threads", {})) <= RULES
    assert "code" not in values["rerun-triggers"]  # an upgrade of the rules alone retrains nothing


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: str(path.relative_to(WORKFLOWS / "config")))
def test_every_config_is_known_to_the_settings(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_own_files(tmp_path, yaml.safe_load(config.read_text()))
    domain = yaml.safe_load(config.read_text())["domain"]
    settings, _ = read_config(domain, config, None)
    assert isinstance(settings, RunSettings)
    assert settings.optimize.goals


@pytest.mark.parametrize("path", FILES[1:], ids=lambda path: path.name)
def test_rules_call_the_command_only(path):
    text = path.read_text()
    rules = text.count("\nrule ") + text.startswith("rule ")
    for directive in ("log:", "benchmark:", "conda:", "shell:"):
        assert text.count(f"    {directive}") == rules, directive
    assert not any(word in text for word in ("    script:", "    run:", "import sciencegen", "configfile"))


def test_profiles_use_flags_that_snakemake_has(tmp_path):
    done = call_snakemake("--help", cwd=tmp_path)
    for profile in PROFILES:
        flags = yaml.safe_load((WORKFLOWS / "profiles" / profile / "config.yaml").read_text())
        assert flags
        assert [name for name in flags if f"--{name}" not in done.stdout] == []

"""What the README shows works: its commands parse, its Python runs, its paths exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml

from sciencegen.api.models.folder import shipped_names
from sciencegen.cli.main import app
from sciencegen.config import OptimizeSettings, build_settings

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.splitlines() if line.startswith("sciencegen ")]


def test_there_are_commands():
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line):
    """Down to the verb's own arguments, without running it: an unknown flag or a missing argument raises."""
    words, command, context = shlex.split(line)[1:], typer.main.get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(command.name or "sciencegen", list(words), parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        _, command, words = command.resolve_command(context, rest)
    assert command.make_context(command.name, list(words), parent=context).params


def test_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    for first, second in re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE):
        assert f"\n{first or second}:" in makefile


def test_paths_exist():
    for path in re.findall(r"`((?:workflows|datasets|tests|sciencegen)/[\w./-]+)`", README):
        assert (REPOSITORY / path).exists(), path


def test_settings_are_known():
    for kind, block in BLOCKS:
        if kind == "yaml":
            build_settings(OptimizeSettings, yaml.safe_load(block))


@pytest.mark.skipif("molecules" not in shipped_names(), reason="no weights of molecules are shipped")
def test_the_python_example_runs(capsys, small_chunks):
    for kind, block in BLOCKS:
        if kind == "python":
            exec(compile(block, "README.md", "exec"), {})
    assert "qed" in capsys.readouterr().out

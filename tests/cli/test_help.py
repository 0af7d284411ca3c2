"""What a flag's help says is what is shown: brackets and angles are words, no markup."""

import re

import pytest
import typer.main

from sciencegen.cli.main import app


def commands(group, path=()):
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


COMMANDS = dict(commands(typer.main.get_command(app)))


def words(text: str) -> str:
    return re.sub(r"[^\w\[\]<>=:;,.-]+", "", text.replace("`", ""))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_shown_whole(cli, path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    shown = words(cli(*path, "--help").out)
    helps = [parameter.help for parameter in COMMANDS[path].params if getattr(parameter, "help", None)]
    assert helps
    assert [text for text in helps if words(text) not in shown] == []


def test_defaults_of_settings_are_shown(cli):
    shown = cli("optimize", "--help").out
    for default in ("[default: 5000]", "[default: 100]", "[default: evolution]", "[default: 512]"):
        assert default in shown

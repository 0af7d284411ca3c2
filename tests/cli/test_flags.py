"""Messages name settings; the command line shows them as its flags."""

import pytest
from typer.main import get_command

from sciencegen.cli.commands import BUILT_IN, same_name
from sciencegen.cli.console import OTHER_FLAGS, in_flags
from sciencegen.cli.main import app


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Pass `wild_type`, or (`form`).", "Pass --wild-type, or (--form)."),
        ("One of yours: `predictors` NAME=FOLDER.", "One of yours: --predictor NAME=FOLDER."),
        ("Pass `column` smiles", "Pass --item-column smiles"),
        ("Pass another `output`.", "Pass another -o."),
        ("Set `novel: false` or `raw: false`", "Set --allow-known or `raw: false`"),
        (
            "`sciencegen propose proteins` and `galaxies` are no flags",
            "`sciencegen propose proteins` and `galaxies` are no flags",
        ),
        ("found '`', C`c and - -- -o", "found '`', C`c and - -- -o"),
    ],
)
def test_settings_are_shown_as_flags_and_nothing_else_changes(message, shown):
    assert in_flags(message) == shown


def test_every_flag_of_every_command_is_known():
    found, left = set(), [get_command(app), *(get_command(app).commands[name] for name in BUILT_IN)]
    while left:
        command = left.pop()
        found |= {flag for parameter in command.params for flag in parameter.opts if flag.startswith("-")}
        left += () if command.name in (None, "sciencegen") else getattr(command, "commands", {}).values()
    of_all = {"--version", "--no-plugins", "--install-completion", "--show-completion"}
    long = {flag for flag in found if flag.startswith("--")}
    assert {f"--{name.replace('_', '-')}" for name in same_name()} | of_all == long
    assert set(OTHER_FLAGS.values()) <= found

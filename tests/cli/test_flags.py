"""Messages name settings; the command line shows them as its flags."""

import pytest

from sciencegen.cli.flags import in_flags


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Pass `wild_type`, or (`form`).", "Pass --wild-type, or (--form)."),
        ("One of yours: `predictors` NAME=FOLDER.", "One of yours: --predictor NAME=FOLDER."),
        ("Pass `column` smiles", "Pass --item-column smiles"),
        ("Pass another `output`.", "Pass another -o."),
        (
            "`sciencegen propose proteins` and `galaxies` are no flags",
            "`sciencegen propose proteins` and `galaxies` are no flags",
        ),
        ("found '`', C`c and - -- -o", "found '`', C`c and - -- -o"),
    ],
)
def test_settings_are_shown_as_flags_and_nothing_else_changes(message, shown):
    assert in_flags(message) == shown

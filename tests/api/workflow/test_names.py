"""Names that are folders and braces that Snakemake takes for wildcards."""

from random import Random

import pytest

from sciencegen.api.workflow.check import ENDING, check_name
from sciencegen.errors import ConfigError

HOSTILE = "'\"`$;&|<>*?!#~%=/\\{}\n\t\0"


def test_no_character_of_the_shell_is_allowed_anywhere_in_a_name():
    chooser = Random(0)
    for _ in range(300):
        letters = list("a run of 2026")
        letters[chooser.randrange(len(letters))] = bad = chooser.choice(HOSTILE)
        if bad == "'":  # as in "Anna's run": an apostrophe may stand inside
            continue
        with pytest.raises(ConfigError, match="Expected a name of letters"):
            check_name("".join(letters))


@pytest.mark.parametrize("name", ["", " ", "-rf", "..", ".hidden", "'quoted'", "trailing "])
def test_names_begin_and_end_with_letters(name):
    with pytest.raises(ConfigError, match="begins with a letter"):
        check_name(name)


@pytest.mark.parametrize(("ending", "good"), [(".sdf", True), (".pdb.gz", True), ("sdf", False), (".s d", False)])
def test_an_ending_is_only_that(ending, good):
    assert bool(ENDING.fullmatch(ending)) is good

"""The oracles of a search: what runs a program, and what is said of a file of scores."""

import sys

import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import OracleBook, read_goals
from sciencegen.api.search import search_oracles
from sciencegen.config import OptimizeSettings, OracleSettings

PROGRAM = "import sys\nopen('calls', 'a').write('x')\nopen(sys.argv[2], 'w').write('index,score\\n0,3\\n')\n"


@pytest.fixture
def resolve(tmp_path, monkeypatch):
    """A function: goals and further columns -> oracles, with the program `dock` and the file `scores`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dock.py").write_text(PROGRAM)
    programs = {"dock": OracleSettings(command=f"'{sys.executable}' dock.py {{input}} {{output}}")}

    def make(goals, include=()):
        settings = OptimizeSettings(goals=goals, include=include, oracles=programs, cache="scores")
        book = OracleBook("pointclouds", commands=programs)
        return search_oracles(book, read_goals(DOMAIN, goals), settings, DOMAIN.items.key)

    return make


@pytest.mark.parametrize(("goals", "include"), [(["maximize dock"], []), (["maximize height"], ["dock"])])
def test_the_file_keeps_what_a_program_said(resolve, tmp_path, goals, include):
    item = DOMAIN.items.parse("0 1;1 0;0 0;1 1;2 2")
    for _ in range(2):
        oracles, further, notes = resolve(goals, include)
        assert not notes
        assert {**oracles, **further}["dock"].score([item])[0].value == 3
    assert (tmp_path / "calls").read_text() == "x"


def test_a_search_without_a_program_says_that_the_file_is_not_used(resolve):
    *_, (note,) = resolve(["maximize height"], ["radius"])
    assert "scores isn't used" in note

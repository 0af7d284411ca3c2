"""Sections and their bodies."""

import pytest

from sciencegen.report.page import SECTIONS, render_page
from tests.report.example import full_report
from tests.report.parsing import Page


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(**full_report())


KEYS = [section.key for section in SECTIONS]
HEADER = {"goals": "requested", "warnings": "warnings"}


def test_every_section_has_its_body():
    assert {*KEYS} == full_report()["bodies"].keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_section_appears_if_and_only_if_given(key):
    alone = Page(render_page("Title", {key: full_report()["bodies"][key]}))
    assert {*KEYS} & {*alone.ids} == {key}


@pytest.mark.parametrize(("part", "key"), HEADER.items())
def test_a_part_of_the_header_appears_if_given(part, key):
    assert key in Page(render_page("Title", {}, **{part: full_report()[part]})).ids
    assert key not in Page(render_page("Title", {})).ids


def test_the_full_page_has_every_section_and_a_link_to_each(page):
    parsed = Page(page)
    assert {*KEYS, *HEADER.values()} <= {*parsed.ids}
    links = [link["href"] for link in parsed.all("a") if link["href"].startswith("#")]
    assert [f"#{key}" for key in KEYS] == links[1:]

"""Sections and the parts of the content that they show."""

from dataclasses import fields

import pytest

from sciencegen.report import (
    ReportContent,
    render_page,
)
from sciencegen.report.page import SECTIONS
from tests.report.example import full_report
from tests.report.parsing import Page


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(full_report())


PARTS = {
    "candidates": "candidates",
    "structures": "structures",
    "rounds": "rounds",
    "plate": "plate",
    "heat_maps": "changes",
    "logo": "logo",
    "traces": "search",
    "pareto": "pareto",
    "gallery": "gallery",
    "distributions": "properties",
    "charts": "charts",
    "latent_map": "map",
    "traversals": "traversals",
    "calibrations": "calibration",
    "metrics": "metrics",
    "notes": "notes",
    "settings": "settings",
    "provenance": "provenance",
    "goals": "requested",
    "warnings": "warnings",
}


def test_every_section_has_its_part_of_the_content():
    assert {section.key for section in SECTIONS} <= set(PARTS.values())
    assert set(PARTS) <= {field.name for field in fields(ReportContent)}


@pytest.mark.parametrize(("part", "key"), PARTS.items())
def test_a_section_appears_if_and_only_if_given(part, key):
    alone = Page(render_page(ReportContent("Title", **{part: getattr(full_report(), part)})))
    assert key in alone.ids
    assert {section.key for section in SECTIONS} & set(alone.ids) <= {key}


def test_the_full_page_has_every_section_and_a_link_to_each(page):
    parsed = Page(page)
    assert set(PARTS.values()) <= set(parsed.ids)
    links = [link["href"] for link in parsed.all("a") if link["href"].startswith("#")]
    assert [f"#{section.key}" for section in SECTIONS] == links[1:]

"""Results in notebooks: items are drawn, everything else is text, and a hostile table stays one."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest

from sciencegen.api.run import Finished
from sciencegen.api.writing.results import MOST_NOTES, MOST_ROWS, Result, result_html
from sciencegen.domains import load_domain
from tests.domains.contract_examples import examples

HOSTILE = '<script>alert("x")</script>&\'"'


def tree(page: str) -> ElementTree.Element:
    """The page, which must be well formed."""
    return ElementTree.fromstring(page.replace("&nbsp;", " "))


@pytest.mark.parametrize("name", ["molecules", "proteins", "galaxies", "arrays", "proteins/structures", "pointclouds"])
def test_items_are_drawn(name):
    table = pd.DataFrame({"item": [*examples(name)[:2], "", None], "value": [1.0, float("nan"), 2, 3]})
    page = Result(table, domain=name)._repr_html_()
    assert page.count("<svg") + page.count("<img") >= 2
    rows = tree(page).findall(".//tbody/tr")
    assert [len(row) for row in rows] == [3] * 4
    assert [len(row[0]) > 0 for row in rows] == [True, True, False, False]
    assert [row[2].text for row in rows] == ["1", None, "2", "3"]


def test_texts_are_escaped_and_columns_too():
    page = result_html(pd.DataFrame({HOSTILE: [HOSTILE], "item": [HOSTILE]}), [HOSTILE], load_domain("molecules"))
    assert "<script" not in page
    assert tree(page).find(".//tbody/tr/td[2]").text == HOSTILE
    assert HOSTILE in [one.text for one in tree(page).iter("li")]


def test_what_was_refused_is_not_parsed_again(monkeypatch):
    table = pd.DataFrame({"item": ["CCO", "C" * 20_000], "refused": [None, "20000 characters"]})
    parse = load_domain("molecules").items.parse
    seen = []
    monkeypatch.setitem(vars(load_domain("molecules").items), "parse", lambda text: seen.append(text) or parse(text))
    Result(table, domain="molecules")._repr_html_()
    assert seen == ["CCO"]


def test_long_tables_and_notes_are_cut_and_say_so():
    table = pd.DataFrame({"x": range(1000)})
    page = Result(table, notes=tuple(map(str, range(100))))._repr_html_()
    assert len(tree(page).findall(".//tbody/tr")) == MOST_ROWS
    assert "1000 rows, 1 columns" in page
    assert f"and {100 - MOST_NOTES} more notes" in page
    assert "rows" not in Result(table[:3])._repr_html_()


def test_a_run_links_its_report():
    page = Finished(0, Path("runs/a"), Path('runs/a "b"&.html'), ("3 of 4 <found>",))._repr_html_()
    assert tree(f"<p>{page}</p>").find(".//a").attrib["href"] == "runs/a%20%22b%22%26.html"
    assert "&lt;found&gt;" in page
    assert "exit code 1" in Finished(1, Path("runs"), None)._repr_html_()

"""Results in notebooks: items are drawn, everything else is text, and a hostile table stays one."""

from __future__ import annotations

import inspect
import typing
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.run import Finished
from sciencegen.api.train import Trained
from sciencegen.api.writing.results import MOST_ROWS, Result, result_html
from sciencegen.domains import load_domain
from sciencegen.records import MOST_NOTES
from tests.domains.contract_examples import examples

HOSTILE = '<script>alert("x")</script>&\'"'
PLAIN = ("workflow_root", "check_domain", "explore")
"""Functions that return a path, nothing, and a server."""


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
    rows = tree(Finished(1, Path("runs"), None)._repr_html_()).findall(".//tr")
    assert [[cell.text for cell in row] for row in rows] == [["folder", "runs"], ["code", "1"]]


def returned(name):
    function = inspect.unwrap(getattr(sg, name))
    names = {name: getattr(sg, name) for name in sg.PUBLIC_NAMES}
    return typing.get_type_hints(function, {**names, **vars(inspect.getmodule(function))})["return"]


@pytest.mark.parametrize("name", [name for name in sg.PUBLIC_NAMES if inspect.isfunction(getattr(sg, name))])
def test_notebooks_show_what_each_public_function_returns(name):
    found = typing.get_args(returned(name)) or (returned(name),)
    assert name in PLAIN or any(hasattr(one, "_repr_html_") for one in found), found


def test_metrics_of_splits_are_rows_of_one_table():
    metrics = {"rows": 90, "random": {"rmse": 0.5, "r2": 0.8}, "grouped": {"rmse": 0.7, HOSTILE: 1.0}}
    page = Trained(Path("runs/<a>"), metrics)._repr_html_()
    names, numbers = tree(page).findall(".//thead/.."), tree(page).findall(".//tbody/tr")
    assert len(names) == 1
    assert [[cell.text for cell in row] for row in numbers] == [
        ["random", "0.5", "0.8", None],
        ["grouped", "0.7", None, "1"],
    ]
    assert "runs/&lt;a&gt;" in page
    assert "<script" not in page

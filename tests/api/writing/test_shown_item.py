"""A single item in a notebook: drawn, or turned where it has coordinates, beside its values."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from sciencegen.api.writing.results import Result
from sciencegen.errors import ConfigError
from tests.domains.contract_examples import examples

HOSTILE = "<script>&"


def result(name: str) -> Result:
    return Result(
        pd.DataFrame({"item": [*examples(name)[:2], None], "value": [1.5, 2, 3], HOSTILE: HOSTILE}), domain=name
    )


@pytest.mark.parametrize("name", ["molecules", "proteins", "galaxies", "arrays", "pointclouds"])
def test_an_item_is_drawn_beside_its_values(name):
    page = result(name).show(1)._repr_html_()
    assert page.count("<svg") + page.count("<img") >= 1
    assert "iframe" not in page
    cells = {row[0].text: row[1].text for row in ElementTree.fromstring(page).iter("tr")}
    assert (cells["value"], cells[HOSTILE]) == ("2", HOSTILE)


@pytest.mark.parametrize("name", ["molecules/structures", "proteins/structures"])
def test_a_structure_can_be_turned(name):
    page = result(name).show()._repr_html_()
    assert page.count('<iframe sandbox="allow-scripts"') == 1
    assert "$3Dmol.createViewer" in page


def test_a_row_counts_from_the_end_and_may_lack_its_item():
    found = result("molecules")
    assert found.show(-2) == found.show(1)
    assert found.show(2).text == ""
    assert "<svg" not in found.show(-1)._repr_html_()


def test_a_refused_item_is_not_parsed():
    table = pd.DataFrame({"item": ["C" * 20_000], "refused": ["20000 characters"]})
    assert "20000 characters" in Result(table, domain="molecules").show()._repr_html_()


@pytest.mark.parametrize(("found", "told"), [(result("molecules"), "0 to 2, got 3"),
                                             (Result(pd.DataFrame({"x": [1]})), "other rows")])  # fmt: skip
def test_what_is_no_row_of_an_item_is_an_error(found, told):
    with pytest.raises(ConfigError, match=told):
        found.show(3)

"""Structures in notebooks: the item's own record in a frame that may run scripts only; errors without coordinates."""

import html
import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from sciencegen.api.writing.results import Result, view_of
from sciencegen.domains import load_domain
from sciencegen.errors import ConfigError, DataError
from tests.domains.contract_examples import examples


def result(*texts: str, domain: str) -> Result:
    return Result(pd.DataFrame({"item": texts}), domain=domain)


@pytest.mark.parametrize(
    ("domain", "kind"), [("molecules", "sdf"), ("molecules/structures", "sdf"), ("proteins/structures", "pdb")]
)
def test_the_record_is_that_of_the_row(domain, kind, tmp_path):
    texts = examples(domain)[:2]
    view = result(*texts, domain=domain).view(1)
    shown = json.loads(re.search(r"const shown = (.*);\n", view.page)[1])
    assert shown["format"] == kind
    assert (
        shown["text"]
        == json.loads(re.search(r"shown = (.*);\n", result(texts[1], domain=domain).view().page)[1])["text"]
    )
    frame = re.fullmatch(r'<iframe sandbox="allow-scripts" [^<>]* srcdoc="([^"]*)"></iframe>', view._repr_html_())
    assert html.unescape(frame[1]) == view.page
    assert view.write(tmp_path / "a.html").read_text() == view.page
    with pytest.raises(ConfigError, match=r"ends in \.html"):
        view.write(tmp_path / "a.pdb")


def test_what_has_no_coordinates_is_an_error():
    science = load_domain("molecules")
    flat = replace(science, structures=replace(science.structures, records=lambda path: ("sdf", iter([""]))))
    with pytest.raises(DataError, match="one without"):
        view_of(flat, "CCO")
    with pytest.raises(DataError, match="'junk'"):
        result("junk", domain="molecules").view()
    with pytest.raises(ConfigError, match="galaxies has none"):
        result("a", domain="galaxies").view()
    with pytest.raises(ConfigError, match="other rows"):
        Result(pd.DataFrame({"x": [1]})).view()

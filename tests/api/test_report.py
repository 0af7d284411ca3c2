"""The page of a run."""

import json

import pytest

from sciencegen.api.report import search_seed
from sciencegen.api.reports.contents import RunContents
from sciencegen.config import RunSettings


@pytest.mark.parametrize(
    ("own", "written", "shown"), [({}, None, 7), ({"seed": 0}, None, 0), ({"seed": 3}, None, 3), ({"seed": 0}, 7, 7)]
)
def test_the_seed_of_the_search_is_its_own_even_if_that_is_0(tmp_path, own, written, shown):
    if written is not None:
        (tmp_path / "search").mkdir()
        (tmp_path / "search/summary.json").write_text(json.dumps({"seed": written}))
    assert search_seed(RunContents(tmp_path, RunSettings(domain="molecules", seed=7, optimize=own))) == shown

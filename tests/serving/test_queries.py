"""Parameters of an address: values of their schemas, or refused."""

from __future__ import annotations

import pytest

from sciencegen.errors import ConfigError
from sciencegen.serving.http import query_values
from sciencegen.serving.openapi import VERB_PATH, described_queries


@pytest.mark.parametrize(
    ("method", "path", "given", "found"),
    [
        ("POST", VERB_PATH, {}, {"wait": 0, "dry_run": False}),
        ("POST", VERB_PATH, {"wait": "0.5", "dry_run": "True"}, {"wait": 0.5, "dry_run": True}),
        ("GET", "/jobs", {"state": "done", "before": ""}, {"state": "done", "limit": 100}),
        ("GET", "/jobs/{id}/rows", {"start": "7", "limit": "1000"}, {"start": 7, "limit": 1000}),
        ("GET", "/status", {}, {}),
    ],
)
def test_values_have_their_types_and_defaults(method, path, given, found):
    assert query_values(given, described_queries(method, path)) == found


@pytest.mark.parametrize("text", ["", "x", "-1", "601", "nan", "inf", "1e999"])
def test_numbers_out_of_range_are_refused(text):
    with pytest.raises(ConfigError, match="a number from 0 to 600"):
        query_values({"wait": text}, described_queries("GET", "/jobs/{id}"))

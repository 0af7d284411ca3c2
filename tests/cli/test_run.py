"""run: what is printed of a finished workflow, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sciencegen.api import run as workflow
from sciencegen.api.run import Finished
from sciencegen.api.workflow.check import config_schema

PAGE = Path("results/report.html")


@pytest.mark.parametrize(
    ("finished", "flags", "expected"),
    [
        (Finished(0, Path("results"), PAGE), (), (0, f"{PAGE}\n", "done; the report")),
        (Finished(0, Path("results"), PAGE, ("2 of 5.",), ("few samples",)), (), (5, f"{PAGE}\n", "2 of 5.")),
        (Finished(0, Path("results"), PAGE), ("--", "-n"), (0, "", "")),
        (Finished(1, Path("results"), None), (), (1, "", "results/logs")),
    ],
)
def test_the_report_alone_goes_to_standard_output(cli, monkeypatch, finished, flags, expected):
    called = []
    monkeypatch.setattr(workflow, "run", lambda domain, config, **more: called.append(more) or finished)
    code, out, err = expected
    result = cli("run", "pointclouds", *flags)
    assert (result.code, result.out) == (code, out)
    assert err in result.err
    assert all(f"note: {note}" in result.err for note in finished.notes)
    assert list(called[0]["flags"]) == [flag for flag in flags if flag != "--"]


def test_the_schema_is_printed_and_nothing_runs(cli, monkeypatch):
    monkeypatch.setattr(workflow, "run", lambda *_, **__: pytest.fail("a run was started"))
    result = cli("run", "pointclouds", "--schema")
    assert result.code == 0
    assert yaml.safe_load(result.out) == config_schema()

"""Requests for the verbs of the command line: planned, or refused with a reason, whatever they hold."""

from __future__ import annotations

import random
import shlex
from contextlib import suppress
from typing import Any

import pytest

from sciencegen.cli.serving import served_verbs
from sciencegen.errors import SciencegenError
from sciencegen.optimization.wells import SIZES
from sciencegen.serving.records import NotFound
from sciencegen.serving.requests import AllowedPrograms, Boundary
from sciencegen.serving.service import RequestPlan, Service

VERBS = served_verbs()
ODD: list[Any] = [
    None, "", "-", "--force", "a=b", "=", "\0", "\ud800", "x" * 5000, "/etc/passwd", "..", "{", "[1", "1e999", "é\n",
    "molecules", 0, -1, 3, 2**70, 1e300, 0.5, True, False, [], ["a"], [""], [None], ["=", "a=1"], {}, {"a": 1},
    {"": ""}, {"a": {"b": [1]}}, {"command": "rm"}, {"oracles": {"a": {"command": "dock"}}}, {"n": "x"}, [[["a"]]],
    "@/etc/passwd", "~", "//", "a\\b",
]  # fmt: skip


@pytest.fixture
def served(make_jobs, tmp_path, monkeypatch) -> Service:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records").mkdir()
    boundary = Boundary(tmp_path, closed=(tmp_path / "records",))
    return Service(VERBS, make_jobs(), boundary, AllowedPrograms({"dock": "true {input} {output}"}))


@pytest.mark.parametrize("name", VERBS)
def test_odd_requests_are_planned_or_refused(served, name, tmp_path):
    generator, properties = random.Random(name), VERBS[name].schema()["properties"]
    for _ in range(30):
        keys = generator.sample([*properties], generator.randint(0, min(4, len(properties))))
        given = {key: generator.choice(ODD) for key in [*VERBS[name].schema().get("required", ()), *keys]}
        given |= {"odd": 1} if generator.random() < 0.05 else {}
        with suppress(SciencegenError):
            words, _ = served.plan(name, given).command("7")
            assert "\0" not in "".join(words)
            assert shlex.join(words).encode()  # a command that can be run
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("records", ".server.lock")] == []


def test_plans_name_the_output_and_the_program(served):
    given = {
        "domain": "molecules", "goal": ["maximize a"], "settings": {"oracles": {"a": {"command": "dock"}}}, "n": 3,
    }  # fmt: skip
    plan = served.plan("optimize", given)
    assert isinstance(plan, RequestPlan)
    words, output = plan.command("7")
    assert output == "jobs/7/optimize.csv"
    assert words == [
        "optimize", "--goal=maximize a", "-n", "3",
        '--settings={"oracles": {"a": {"command": "true {input} {output}"}}}', "--output=jobs/7/optimize.csv", "--json",
        "--", "molecules",
    ]  # fmt: skip
    assert plan.values["settings"]["oracles"]["a"]["command"] == "dock"
    assert served.plan("generate", {"domain": "molecules", "output": "a.csv", "force": True}).command("7") == (
        ["generate", "--output=a.csv", "--force", "--json", "--", "molecules"], "a.csv"
    )  # fmt: skip
    assert served.plan("properties", {"domain": "molecules"}).command("7") == (
        ["properties", "--json", "--", "molecules"], None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"plate": 48}, "'plate'"),
        ({"measured": ["nowhere.csv"]}, "`measured`, found none at nowhere.csv"),
        ({"where": ["os:getpid >= 1"]}, "--oracle os:getpid"),
    ],
)
def test_a_dry_run_refuses_what_must_fail(served, given, message):
    with pytest.raises(SciencegenError, match=message):
        served.dry_run("propose", {"domain": "molecules", "journal": "campaign.csv", **given})


def test_the_schema_of_plates_has_their_sizes():
    assert VERBS["propose"].schema()["properties"]["plate"]["enum"] == [*SIZES]


def test_unknown_verbs_have_the_nearest_name(served):
    with pytest.raises(NotFound, match="Did you mean 'generate'"):
        served.plan("generat", {})

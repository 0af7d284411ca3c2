"""Names that a domain excludes from goals and conditions: no verb that designs items accepts them."""

import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins.properties import NOT_GOALS

NAMES = ["surveillance", "escape", "Immune-Escape", "EVEscape", "escape:mine"]


@pytest.mark.parametrize("name", NAMES)
def test_optimize_refuses_them_before_any_work(cli, name):
    result = cli("optimize", "proteins", "--goal", f"maximize {name}", "--goal", "length >= 10")
    assert result.code == 2
    assert f"'{name}' can't be a goal or a condition: escape from immunity is a risk to watch" in result.err


@pytest.mark.parametrize("goal", ["minimize escape", "escape <= 1", "escape in 0..1", "escape = 1"])
def test_no_kind_of_goal_makes_a_difference(cli, goal):
    result = cli("optimize", "proteins", "--goal", goal)
    assert (result.code, "is out of scope" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--where", "escape >= 1"), "'escape' can't be a goal or a condition"),
        (("--goal", "escape in domain"), "'escape' can't be a goal or a condition"),
        (("--method", "evolutoin"), "Did you mean 'evolution'"),
    ],
)
def test_a_wrong_wish_is_told_before_a_missing_model(cli, wrong, said):
    result = cli("optimize", "proteins", "--goal", "length >= 10", *wrong)
    assert (result.code, said in result.err) == (2, True), result.err
    without = cli("optimize", "proteins", "--goal", "length >= 10")
    assert (without.code, "No default weights are shipped for proteins" in without.err) == (2, True)


def test_a_predictor_or_a_command_of_that_name_is_no_way_around(cli):
    command = "{oracles: {surveillance: {command: 'true {input} {output}'}}}"
    more = ("--predictor", "escape=folder", "--settings", command)
    for name in ("escape", "surveillance"):
        result = cli("optimize", "proteins", "--goal", f"maximize {name}", *more)
        assert (result.code, "is out of scope" in result.err) == (2, True)


@pytest.mark.parametrize("name", NAMES)
def test_generate_refuses_them_as_a_condition(cli, family_model, name):
    result = cli("generate", "proteins", "--model", family_model, "-n", 5, "--where", f"{name} >= 1")
    assert result.code == 2
    assert f"'{name}' can't be a goal or a condition" in result.err


def test_no_oracle_has_such_a_name():
    domain = load_domain("proteins")
    assert not set(NOT_GOALS) & set(domain.oracles.names())

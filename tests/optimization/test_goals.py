"""The grammar of wishes: what each text means, and that anything else is refused."""

import math

import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import parse_condition, parse_goal, parse_goals
from sciencegen.scoring.oracles import Score

INF = math.inf


@pytest.mark.parametrize(
    ("text", "name", "direction", "low", "high"),
    [
        ("maximize qed", "qed", "maximize", -INF, INF),
        ("Minimise  sa", "sa", "minimize", -INF, INF),
        ("sa <= 3", "sa", None, -INF, 3),
        ("logp>=-1.5", "logp", None, -1.5, INF),
        ("logp in 1..3", "logp", None, 1, 3),
        ("1<= logp <=3", "logp", None, 1, 3),
        ("logp in -1.5 .. 3e0", "logp", None, -1.5, 3),
        ("logp in .5...7", "logp", None, 0.5, 0.7),
        ("similarity to CCO >= 0.4", "similarity to CCO", None, 0.4, INF),
        ("similarity to C=O >= 0.4", "similarity to C=O", None, 0.4, INF),
        ("similarity to CC=1C(=O)[N+]=1 <= 0.4", "similarity to CC=1C(=O)[N+]=1", None, -INF, 0.4),
        ("maximize similarity to C=O", "similarity to C=O", "maximize", -INF, INF),
        ("maximize pmo:zaleplon_mpo", "pmo:zaleplon_mpo", "maximize", -INF, INF),
    ],
)
def test_goals_mean_what_they_say(text, name, direction, low, high):
    goal = parse_goal(text)
    assert (goal.name, goal.direction, goal.low, goal.high) == (name, direction, low, high)
    assert goal.text == text


def test_equality_has_a_tolerance():
    assert parse_goal("rings = 2").satisfied(2.0)
    assert not parse_goal("rings=2").satisfied(2.001)
    assert parse_goal("logp=2.5", {"logp": 0.2}).satisfied(2.69)
    assert not parse_goal("logp=2.5", {"logp": 0.2}).satisfied(2.71)
    assert parse_goal("logp = 2.5 +- 0.1", {"logp": 5}).satisfied(2.41)
    assert not parse_goal("logp = 2.5 ± 0.1", {"logp": 5}).satisfied(2.61)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected a goal like"),
        ("maximize", "Expected a goal like"),
        ("qed", "Expected a goal like"),
        ("sa < 3", "use '<='"),
        ("sa <= three", "Expected a goal like"),
        ("sa <= nan", "Expected a goal like"),
        ("logp in 3..1", r"Write 'logp in 1\.\.3'"),
        ("length = eighty", "A number is expected after '=', found 'eighty'"),
        ("tpsa in 60-90", r"Write 'tpsa in 60\.\.90'"),
        ("logp in [-1.5, 3]", r"Write 'logp in -1\.5\.\.3'"),
        ("logp in 3 to -1", r"Write 'logp in -1\.\.3'"),
        ("sa == 3", "Expected a goal like"),
        ("sa != 3", "Expected a goal like"),
        ("<= 3", "Expected a goal like"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_goal(text)


def test_conditions_are_constraints():
    assert parse_condition("tpsa in 40..90").satisfied(90)
    with pytest.raises(ConfigError, match=r"Expected a condition like .* Write 'tpsa in 60\.\.90'"):
        parse_condition("tpsa in 60-90")
    for text in ("maximize qed", "logp ~ 2"):
        with pytest.raises(ConfigError, match="Expected a condition"):
            parse_condition(text)


def test_lists_of_goals():
    assert [goal.name for goal in parse_goals(["maximize qed", "qed >= 0.5", "logp >= 1", "logp <= 3"])] == [
        "qed",
        "qed",
        "logp",
        "logp",
    ]
    with pytest.raises(ConfigError, match="more than once"):
        parse_goals(["maximize qed", "minimize qed"])
    with pytest.raises(ConfigError, match="at least one"):
        parse_goals([])


@pytest.mark.parametrize(
    "texts",
    [["logp <= 3", "logp >= 4"], ["maximize qed", "sa in 1..2", "sa = 3 +- 0.5"], ["a >= 2", "b <= 1", "a <= 1"]],
)
def test_constraints_that_exclude_each_other_are_refused(texts):
    with pytest.raises(ConfigError, match=r"exclude each other\. Remove or change one"):
        parse_goals(texts)


def test_constraints_with_a_common_value_are_kept():
    assert len(parse_goals(["logp <= 3", "logp >= 3", "logp = 3", "maximize logp", "logp in domain", "sa >= 9"])) == 6


def test_violation_is_zero_exactly_where_satisfied_and_relative_elsewhere():
    goal = parse_goal("mw in 300..500")
    for value in (300, 400, 500, 299, 501, 0, 1000):
        assert (goal.violation(value) == 0) == goal.satisfied(value)
    assert goal.violation(700) == pytest.approx(1.0)
    assert parse_goal("sa <= 3").violation(6) == pytest.approx(1.0)
    assert parse_goal("sa <= 3", scales={"sa": 10}).violation(6) == pytest.approx(0.3)
    assert parse_goal("x <= 0").violation(2) == pytest.approx(2.0)


def test_a_goal_may_be_what_the_oracle_knows():
    goal = parse_goal("fitness in domain")
    assert (goal.name, goal.is_objective) == ("fitness", False)
    asked = [goal.violation_of(Score(2.0, in_domain=inside), True) for inside in (True, None, False)]
    assert asked == [0.0, 0.0, 1.0]
    with pytest.raises(ConfigError, match="Expected a condition"):
        parse_condition("fitness in domain")


def test_the_cautious_value_is_the_worse_end():
    score = Score(2.0, lower=1.0, upper=4.0)
    assert parse_goal("maximize x").cautious_value(score) == 1.0
    assert parse_goal("minimize x").cautious_value(score) == 4.0
    assert parse_goal("x <= 3").cautious_value(score) == 4.0
    assert parse_goal("x >= 3").cautious_value(score) == 1.0
    assert not parse_goal("x in 1.5..9").satisfied(parse_goal("x in 1.5..9").cautious_value(score))
    assert parse_goal("maximize x").cautious_value(Score(2.0)) == 2.0

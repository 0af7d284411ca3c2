"""Goals are parsed with a domain, which may exclude names."""

import numpy as np
import pytest

from sciencegen.api.criteria import parse_conditions, read_goals
from sciencegen.domains import load_domain
from sciencegen.domains.proteins.properties import NOT_GOALS
from sciencegen.domains.recipes import Measures
from sciencegen.errors import ConfigError

NAMES = ["surveillance", "escape", "Immune-Escape", "EVEscape", "escape:mine"]


@pytest.mark.parametrize("name", list(NOT_GOALS))
@pytest.mark.parametrize("form", ["proteins", "proteins/aligned"])
def test_where_goals_are_read_each_name_is_refused(form, name):
    """So does every verb that parses its goals or conditions there."""
    domain = load_domain(form)
    with pytest.raises(ConfigError, match="out of scope"):
        read_goals(domain, [f"maximize {name}"])
    with pytest.raises(ConfigError, match="out of scope"):
        parse_conditions([f"{name} >= 0"], domain)


def test_other_names_and_other_domains_are_as_before():
    assert read_goals(load_domain("proteins"), ["maximize charge"])[0].name == "charge"
    assert read_goals(load_domain("molecules"), ["maximize escape"])[0].name == "escape"


def test_goals_have_the_tolerances_and_scales_of_a_models_measures():
    measures = Measures(
        names=("age", "city:Oslo"), measure=lambda items, names: np.ones((len(items), len(names))),
        tolerances={"age": 2.0}, scales={"age": 40.0},
    )  # fmt: skip
    age, city = read_goals(load_domain("arrays"), ["age = 30", "city = Oslo"], measures)
    assert (age.low, age.high, age.scale) == (28, 32, 40)
    assert city.name == "city:Oslo"
    assert city.satisfied(1)
    assert not city.satisfied(0)


def test_a_condition_on_a_text_stays_one_elsewhere():
    with pytest.raises(ConfigError, match="Expected a goal like"):
        read_goals(load_domain("molecules"), ["city = Oslo"])

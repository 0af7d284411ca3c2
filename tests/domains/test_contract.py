"""That each domain, and each form of one, has what the contract asks for."""

import inspect

import pytest

from sciencegen.domains import domain_names, load_domain
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError

NAMES = [
    name
    for domain in domain_names()
    for name in (domain, *(f"{domain}/{form}" for form in getattr(load_domain(domain), "forms", ())))
]


@pytest.mark.parametrize("name", NAMES)
def test_a_domain_has_every_member_of_the_contract(name):
    domain = load_domain(name)
    assert load_domain(domain.name) is domain
    for member, function in inspect.getmembers(Domain, inspect.isfunction):
        if not member.startswith("_"):
            wanted = list(inspect.signature(function).parameters)[1:]
            own = inspect.signature(getattr(domain, member)).parameters
            assert list(own)[: len(wanted)] == wanted, member
            assert all(own[name].default is not inspect.Parameter.empty for name in list(own)[len(wanted) :]), member
    for member in ("name", "item_columns", "formats", "properties", "recipes", "default_recipe"):
        assert getattr(domain, member)
    assert domain.default_recipe == next(iter(domain.recipes))
    assert getattr(domain, "given", frozenset()) <= set(domain.properties)


@pytest.mark.parametrize("name", NAMES)
def test_every_property_is_an_oracle_with_its_unit(name):
    domain = load_domain(name)
    assert set(domain.oracle_names()) >= set(domain.properties)
    for known in domain.properties.values():
        oracle = domain.oracle(known.name)
        assert (oracle.name, oracle.unit, oracle.direction) == (known.name, known.unit, known.direction)
    first = next(iter(domain.properties))
    with pytest.raises(ConfigError, match=f"Did you mean '{first}'"):
        domain.oracle(first + "x")


def test_they_are_listed():
    assert {"molecules", "proteins", "galaxies"} <= set(domain_names())

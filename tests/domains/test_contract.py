"""That each domain, and each form of one, keeps the contract."""

import pytest

from sciencegen.domains import domain_names, load_domain
from sciencegen.domains.checks import check_domain
from sciencegen.errors import ConfigError
from tests.domains.contract_examples import examples

OWN = ("molecules", "proteins", "galaxies", "arrays", "crystals")
NAMES = [
    name for domain in domain_names() for name in (domain, *(f"{domain}/{form}" for form in load_domain(domain).forms))
]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_domain_keeps_the_contract(name):
    domain = load_domain(name)
    assert load_domain(domain.name) is domain
    check_domain(domain, examples(name), models=name in ("pointclouds", "arrays"))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_oracle_has_near_names(name):
    first = next(iter(load_domain(name).properties))
    with pytest.raises(ConfigError, match=f"Did you mean '{first}'"):
        load_domain(name).oracles.find(first + "x")


def test_they_are_listed():
    assert set(OWN) <= set(domain_names())
    assert {"molecules/structures", "proteins/aligned"} <= set(NAMES)

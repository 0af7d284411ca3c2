"""Names for goals: properties, other oracles, and scores of models."""

import pytest

from sciencegen.api.properties import properties_of, range_text
from sciencegen.domains.molecules import DOMAIN
from sciencegen.errors import ConfigError


def test_names_are_those_of_the_domain_and_of_the_shipped_predictors():
    named = properties_of("molecules")
    assert [one.name for one in named.properties] == list(DOMAIN.properties)
    assert not set(named.further) & set(DOMAIN.properties)
    assert named.predicted["gap"] == "qm9-properties"


def test_a_domain_without_weights_has_no_conditions_and_an_unknown_model_is_an_error():
    assert properties_of("pointclouds").conditions == []
    with pytest.raises(ConfigError, match="nonesuch"):
        properties_of("pointclouds", "nonesuch")


def test_an_end_that_is_not_there_stays_open():
    inf = float("inf")
    assert [range_text(*one) for one in ((0, 1), (0.5, inf), (-inf, 2), (-inf, inf))] == ["0..1", "0.5..", "..2", ""]


def test_a_model_of_a_form_has_the_forms_properties():
    listed = {one.name: one for one in properties_of("proteins", "backbones").properties}
    assert {"helix", "strand", "rg_ratio"} <= set(listed)
    assert (listed["length"].low, listed["length"].high) == (40, 256)

"""What holds of all the parts of the domain together."""

import numpy as np
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError

FORM = load_domain("proteins/aligned")


def test_groups_leave_every_sequence_alone(proteins):
    assert DOMAIN.regression.groups(proteins) == [""] * len(proteins)


def test_every_property_is_an_oracle(proteins):
    assert set(DOMAIN.oracles.names()) == set(DOMAIN.properties)
    for name in DOMAIN.oracles.names():
        oracle = DOMAIN.oracles.find(name)
        assert (oracle.name, oracle.unit) == (name, DOMAIN.properties[name].unit)
        scores = [score.value for score in oracle.score(proteins)]
        assert scores == DOMAIN.measure(proteins, [name])[:, 0].tolist()


def test_similarity_is_an_oracle(proteins):
    oracle = DOMAIN.oracles.find(f"similarity to {proteins[0].lower()}")
    assert oracle.name == f"similarity to {proteins[0]}"
    expected = DOMAIN.similarity.matrix(proteins[:5], proteins[:1])[:, 0]
    assert [score.value for score in oracle.score(proteins[:5])] == expected.tolist()
    with pytest.raises(ConfigError, match="holds an unknown residue 'X', at position 3"):
        DOMAIN.oracles.find("similarity to MKX")
    with pytest.raises(ConfigError, match=r"Unknown property of proteins 'gravi'\. Did you mean 'gravy'"):
        DOMAIN.oracles.find("gravi")


@pytest.mark.parametrize("domain", [DOMAIN, FORM], ids=lambda domain: domain.name)
def test_parsing_a_text_gives_the_item_again(domain, proteins):
    for item in proteins:
        assert domain.items.parse(domain.items.text(item)) == item == domain.items.key(item)


def test_no_items_give_no_rows():
    for domain in (DOMAIN, FORM):
        assert domain.measure([], ["gravy"]).shape == (0, 1)
        assert domain.similarity.matrix([], ["MKV"]).shape == (0, 1)
        assert domain.similarity.nearest([], ["MKV"]).shape == (0,)
        assert np.array_equal(domain.similarity.nearest(["MKV"], []), [0.0])
        assert len(domain.regression.features([])) == 0
        assert domain.regression.groups([]) == []

"""The properties are those of Biopython's ProtParam."""

import numpy as np
import pytest
from Bio.SeqUtils.ProtParam import ProteinAnalysis

from sciencegen.domains.proteins import DOMAIN, properties
from sciencegen.domains.proteins.properties import MEASURES, PROPERTIES, measure
from sciencegen.errors import ConfigError

THEIRS = {
    "length": lambda protein: protein.length,
    "molecular_weight": lambda protein: protein.molecular_weight(),
    "isoelectric_point": lambda protein: protein.isoelectric_point(),
    "gravy": lambda protein: protein.gravy(),
    "aromaticity": lambda protein: protein.aromaticity(),
    "instability": lambda protein: protein.instability_index(),
    "charge": lambda protein: protein.charge_at_pH(7.0),
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_it_is_biopythons(proteins, name, monkeypatch):
    monkeypatch.setattr(properties, "SEQUENCES_AT_ONCE", 7)
    expected = [THEIRS[name](ProteinAnalysis(protein)) for protein in proteins]
    np.testing.assert_allclose(measure(proteins, [name])[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_columns_come_in_the_order_asked(proteins):
    assert set(MEASURES) == set(PROPERTIES)
    both = DOMAIN.measure(proteins, ["charge", "length"])
    assert both[:, 1].tolist() == list(map(len, proteins))
    assert np.array_equal(both[:, :1], DOMAIN.measure(proteins, ["charge"]))
    with pytest.raises(ConfigError, match=r"Unknown protein property 'lenght'"):
        DOMAIN.measure(proteins, ["lenght"])


def test_ranges_and_tolerances_make_sense():
    for prop in PROPERTIES.values():
        assert prop.low < prop.high
        assert 0 < prop.tolerance < (prop.high - prop.low) / 10

"""What regressors see of a sequence."""

from itertools import pairwise

import numpy as np

from sciencegen.domains.proteins import DOMAIN, features
from sciencegen.domains.proteins.features import KINDS, PLACES, SCALES, WIDTH
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.properties import PROPERTIES
from sciencegen.domains.proteins.variants import Reference, all_singles, apply_variant
from tests.domains.proteins.examples import GB1

FIRST_MEASURED = KINDS + KINDS**2


def test_always_finite_and_of_one_width(proteins):
    table = DOMAIN.regression.features([*proteins, "A", "W" * 10_000])
    assert table.shape == (len(proteins) + 2, WIDTH)
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    assert DOMAIN.regression.features([]).shape == (0, WIDTH)


def test_equal_alone_and_in_company(proteins, monkeypatch):
    table = DOMAIN.regression.features(proteins)
    monkeypatch.setattr(features, "SEQUENCES_AT_ONCE", 7)
    assert np.array_equal(DOMAIN.regression.features(proteins), table)
    assert np.array_equal(DOMAIN.regression.features(proteins[9:10]), table[9:10])


def test_columns_are_what_they_say(proteins):
    table = DOMAIN.regression.features(proteins)
    for row, protein in enumerate(proteins):
        shares = [protein.count(letter) / len(protein) for letter in ALPHABET]
        np.testing.assert_allclose(table[row, :KINDS], shares, rtol=1e-6)
        pairs = [a + b for a, b in pairwise(protein)]
        expected = [pairs.count(a + b) / max(1, len(pairs)) for a in ALPHABET for b in ALPHABET]
        np.testing.assert_allclose(table[row, KINDS:FIRST_MEASURED], expected, rtol=1e-6)
    measured = table[:, FIRST_MEASURED : FIRST_MEASURED + len(PROPERTIES)]
    np.testing.assert_allclose(measured, DOMAIN.measure(proteins, list(PROPERTIES)), rtol=1e-5, atol=1e-6)
    assert (table[:, -PLACES:].sum(1) == list(map(len, proteins))).all()


def test_autocorrelation_is_the_mean_product_at_a_distance():
    scale = np.array(SCALES["hydropathy"])
    z = ((scale - scale.mean()) / scale.std())[[ALPHABET.index(letter) for letter in GB1]]
    start = FIRST_MEASURED + len(PROPERTIES)
    row = DOMAIN.regression.features(["MKV", GB1, "MKV"])[1]
    assert np.isclose(row[start], scale[[ALPHABET.index(letter) for letter in GB1]].mean())
    assert np.isclose(row[start + 3], (z[3:] * z[:-3]).mean(), rtol=1e-5)


def test_every_variant_of_a_small_protein_has_its_own_place():
    reference = Reference(GB1)
    variants = [apply_variant(reference, name) for name in all_singles(reference)]
    places = DOMAIN.regression.features([GB1, *variants])[:, -PLACES:]
    assert set(np.unique(places)) == {0.0, 1.0}
    assert len(np.unique(places, axis=0)) == len(variants) + 1
    assert (np.abs(places[1:] - places[0]).sum(1) == 2).all()


def test_scales_have_a_number_for_each_residue():
    assert {len(values) for values in SCALES.values()} == {20}
    assert [ALPHABET[np.argmax(SCALES["volume"])], ALPHABET[np.argmin(SCALES["volume"])]] == ["W", "G"]

"""Shares of structure, compactness, similarity, pictures, and the parts of the form."""

import numpy as np
import pytest

from sciencegen.domains.checks import check_domain
from sciencegen.domains.proteins.backbones.form import DOMAIN, SequenceOracle
from sciencegen.domains.proteins.backbones.items import backbone, text
from sciencegen.domains.proteins.backbones.metrics import PROPERTIES, measure
from sciencegen.domains.proteins.backbones.similarity import similarity
from sciencegen.domains.proteins.properties import ORACLES
from sciencegen.errors import UnknownNameError
from tests.domains.proteins.backbones.examples import HELIX, built, chains, needs_structures, random_chain
from tests.domains.proteins.backbones.real import holdout


def test_the_properties_of_a_helix():
    values = dict(zip(PROPERTIES, measure([built([HELIX] * 40)], list(PROPERTIES))[0], strict=True))
    assert (values["length"], values["helix"], values["strand"]) == (40, 0.95, 0)
    assert values["helix"] + values["strand"] + values["coil"] == pytest.approx(1)
    assert values["rg"] == pytest.approx(1.5 * 40 / 12**0.5, rel=0.06), "1.5 Å for each residue"
    assert values["rg_ratio"] == pytest.approx(values["rg"] / (2.2 * 40**0.38))
    with pytest.raises(UnknownNameError, match="helixx"):
        measure([], ["helixx"])


def test_breaks_and_clashes_are_counted():
    whole = built([HELIX] * 30)
    places = whole.coordinates.astype(float)
    broken = places.copy()
    broken[20:] += np.array([0.0, 0.0, 30.0])
    clashing = places.copy()
    clashing[25] += places[2, 1] - places[25, 1] + 1.0
    found = measure([whole, backbone(broken), backbone(clashing)], ["breaks", "clashes"])
    assert found[:2].tolist() == [[0, 0], [1, 0]]
    assert found[2, 1] >= 1


@needs_structures
def test_natural_chains_are_as_compact_as_globules():
    values = measure(holdout(4), ["rg_ratio", "helix"])
    assert (np.abs(values[:, 0] - 1) < 0.15).all()


def test_similarity_knows_rotations_and_mirror_images():
    one, other = random_chain(1, 60), random_chain(2, 60)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    turned, mirrored = (backbone(one.coordinates.astype(float) @ turn * sign) for sign in (1, -1))
    found = similarity([one], [turned, mirrored, other])[0]
    assert found[0] == pytest.approx(1, abs=1e-4)
    assert found[1:].max() < 0.6


def test_an_oracle_of_sequences_needs_one():
    known, unknown = chains()[0], backbone(chains()[0].coordinates.astype(float))
    scores = SequenceOracle(ORACLES.find("gravy")).score([unknown, known])
    assert scores[0].failure == "residues without a known amino acid"
    assert scores[1].value == ORACLES.find("gravy").score([known.sequence])[0].value


def test_the_form_keeps_the_contract_with_designs_too(tmp_path):
    check_domain(DOMAIN, [text(one) for one in chains()[:4]], models=False)
    path = tmp_path / "designs.pdb"
    DOMAIN.items.write(path, chains()[:2], ["a", "b"], {}, None)
    kind, records = DOMAIN.structures.records(path)
    found = list(records)
    assert kind == "pdb"
    assert [record.count(" CA ") for record in found] == [len(one) for one in chains()[:2]]

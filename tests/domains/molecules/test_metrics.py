"""Laws of the distribution metrics, and values that the MOSES code itself gives."""

import numpy as np
import pytest
from rdkit import Chem
from threadpoolctl import threadpool_limits

from sciencegen.domains.molecules import metrics
from sciencegen.domains.molecules.alerts import load_patterns, passes_filters
from sciencegen.domains.molecules.metrics import (
    MoleculeReference,
    activation_moments,
    activations,
    build_reference,
    build_training_filter,
    describe,
    evaluate,
    read_molecule,
    scaffold_of,
)
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.metrics.sets import Moments, frechet_distance, nearest_similarity

TRAINING = ["CCCS(=O)c1ccc2[nH]c(=NC(=O)OC)[nH]c2c1", "CC(C)(C)C(=O)C(Oc1ccc(Cl)cc1)n1ccnc1"]
"""The first two molecules of the MOSES training set."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Batches this small only wait for a second thread."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def held_out():
    """24 MOSES test molecules, spread over the set."""
    return metrics.load_reference("moses/test").canonical[::7300][:24]


@pytest.fixture(scope="module")
def reference(held_out):
    return build_reference(held_out)


@pytest.fixture(scope="module")
def own(held_out, reference):
    return evaluate(held_out, reference, held_out)


def test_a_set_against_itself_is_perfect(own):
    for name in ("valid", "unique", "snn", "fragment_similarity", "scaffold_similarity", "filters"):
        assert own[name] == pytest.approx(1), name
    for name in ("fcd", "wasserstein_logp", "wasserstein_sa", "wasserstein_qed", "wasserstein_mw", "novelty"):
        assert own[name] == pytest.approx(0, abs=1e-4), name
    assert 0.7 < own["internal_diversity_2"] < own["internal_diversity"] < 0.92


def test_order_and_spelling_do_not_matter(own, held_out, reference):
    molecules = [Chem.MolFromSmiles(text) for text in held_out]
    spelled = [Chem.MolToSmiles(molecule, doRandom=True, canonical=False) for molecule in reversed(molecules)]
    assert spelled != held_out[::-1]
    assert evaluate(spelled, reference, held_out) == pytest.approx(own, abs=1e-4)


def test_invalid_texts_count_and_enter_nothing_else(own, held_out, reference):
    broken = ["C(", "", "not a molecule", "CC–O", "C C O", "C" * 5000, "c1ccc", "\x00"]
    found = evaluate([*held_out[:10], *broken, *held_out[10:]], reference, held_out)
    assert (found["count"], found["count_valid"]) == (32, 24)
    assert found["valid"] == pytest.approx(24 / 32)
    unchanged = [name for name in own if name not in ("count", "valid")]
    assert {n: found[n] for n in unchanged} == pytest.approx({n: own[n] for n in unchanged}, abs=1e-6)


def test_nothing_valid_still_answers(reference):
    assert evaluate(["C(", "?"], reference, TRAINING) == {
        "count": 2, "count_valid": 0, "count_unique": 0, "count_reference": 24, "valid": 0,
    }  # fmt: skip
    with pytest.raises(DataError, match="none"):
        evaluate([], reference)
    with pytest.raises(DataError, match="reference of valid molecules"):
        evaluate(["CCO"], ["C("])


def test_one_readable_molecule_has_no_frechet_distance(reference):
    found = evaluate(["CCO", "C" * 400], reference)
    assert "novelty" not in found, "there is no training set"
    assert "fcd" not in found
    assert "scaffold_similarity" not in found, "chains have no scaffold"


def test_repeats_lower_uniqueness_not_novelty(held_out, reference, monkeypatch):
    monkeypatch.setattr(metrics, "UNIQUE_AT", {"unique@10": 10, "unique@1k": 1000})
    samples = [held_out[0]] * 5 + [*held_out[:10], "OC1CC1", "C1CC1O"]
    found = evaluate(samples, reference, held_out)
    assert found["unique"] == pytest.approx(11 / 17)
    assert found["unique@10"] == pytest.approx(5 / 10)
    assert "unique@1k" not in found, "17 samples can't say"
    assert found["novelty"] == pytest.approx(1 / 11)


def test_properties_are_measured_in_their_units(reference, held_out):
    heavier = [text + ".O" for text in held_out]
    assert evaluate(heavier, reference)["wasserstein_mw"] == pytest.approx(18.015, abs=0.01)


def test_description_is_what_the_moses_code_computes():
    """`moses.metrics.utils` of molsets 0.3.1 under RDKit 2026.9 for the first training molecules."""
    found = describe(TRAINING)
    assert scaffold_of(read_molecule(TRAINING[1])) == "c1ccc(OCn2ccnc2)cc1"
    assert found.scaffolds == {"c1ccc(OCn2ccnc2)cc1": 1, "N=c1[nH]c2ccccc2[nH]1": 1}
    assert found.fragments == {
        "[1*]C(=O)N=c1[nH]c2ccc(S(=O)CCC)cc2[nH]1": 1,
        "[3*]OC": 1,
        "[16*]c1ccc(Cl)cc1": 1,
        "[3*]O[3*]": 1,
        "[4*]C([8*])C(=O)C(C)(C)C": 1,
        "[9*]n1ccnc1": 1,
    }
    assert found.fingerprints.shape == (2, 128)
    assert scaffold_of(read_molecule("CCc1ccccc1")) is None, "one ring is no scaffold in the MOSES code"


def test_quick_fingerprints_are_the_careful_ones(held_out):
    quick = np.stack([metrics.fingerprint_of_known(text) for text in held_out])
    np.testing.assert_array_equal(quick, describe(held_out, filters=False).fingerprints)


def test_filters(held_out):
    assert all(passes_filters(Chem.MolFromSmiles(text)) for text in held_out), "MOSES is filtered by them"
    refused = {
        "ring of eight": "C1CCCCCCC1",
        "charge": "C[N+](C)(C)C",
        "phosphorus": "CP(C)C",
        "MCF Michael acceptor": "C=CC#N",
        "PAINS rhodanine": "O=C1NC(=S)SC1=Cc1ccccc1",
        "PAINS quinone": "O=C1C=CC(=O)c2ccccc12",
    }
    assert not [why for why, text in refused.items() if passes_filters(Chem.MolFromSmiles(text))]


@pytest.mark.long
def test_the_screen_changes_no_answer():
    """Every pattern, read as a molecule, must be found by the search that the screen cuts short."""
    patterns, _ = load_patterns()
    assert len(patterns) == 502
    tried = caught = 0
    for pattern in patterns:
        molecule = read_molecule(Chem.MolToSmiles(pattern))
        if molecule is None or passes_filters(molecule) is None:
            continue
        complete = Chem.AddHs(molecule)
        tried += 1
        matches = any(complete.HasSubstructMatch(other) for other in patterns)
        caught += matches
        assert not (matches and passes_filters(molecule))
    assert tried > 400
    assert caught > 300


def test_chemnet_activations_do_not_depend_on_neighbours(held_out):
    together = np.concatenate(list(activations(held_out[:6])))
    alone = np.concatenate([row for text in held_out[:3] for row in activations([text])])
    assert together.shape == (6, 512)
    np.testing.assert_allclose(together[:3], alone, atol=1e-5)
    assert activation_moments([*held_out[:5], "C" * 400]).count == 5, "ChemNet reads at most 349 characters"


def test_frechet_distance_is_the_one_of_the_fcd_package(held_out):
    from fcd.utils import calculate_frechet_distance

    vectors = np.concatenate(list(activations(held_out)))[:, :8]
    first, second = Moments.of(vectors[:12]), Moments.of(vectors[12:])
    theirs = calculate_frechet_distance(first.mean, first.covariance, second.mean, second.covariance)
    assert frechet_distance(first, second) == pytest.approx(theirs, rel=1e-4)
    assert theirs > 0.01


def test_a_saved_reference_scores_the_same(tmp_path, held_out, reference):
    reference.save(tmp_path / "a.npz")
    reference.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = MoleculeReference.load(tmp_path / "a.npz")
    assert frechet_distance(loaded.chemnet, reference.chemnet) < 1e-5
    np.testing.assert_allclose(nearest_similarity(loaded.fingerprints, reference.fingerprints), 1)
    assert (loaded.fragments, loaded.scaffolds) == (reference.fragments, reference.scaffolds)
    np.savez(tmp_path / "new.npz", format_version=99)
    with pytest.raises(IncompatibleError, match="Expected format 1"):
        MoleculeReference.load(tmp_path / "new.npz")


def test_unknown_names_are_told():
    with pytest.raises(ConfigError, match="Did you mean 'moses/test'"):
        evaluate(["CCO"], "moses/tests")
    with pytest.raises(ConfigError, match="Unknown training set"):
        evaluate(["CCO", "CCN"], ["CCO", "CCC"], "moses/trian")


def test_committed_references_are_whole_and_apart():
    test, scaffolds = (metrics.load_reference(name) for name in metrics.REFERENCES)
    assert [len(test.canonical), test.chemnet.count] == [176_074] * 2
    assert [len(scaffolds.canonical), scaffolds.chemnet.count] == [176_225] * 2
    assert not set(test.canonical) & set(scaffolds.canonical)
    assert not set(scaffolds.scaffolds) & set(test.scaffolds), "that is what makes it the scaffold test"
    assert 0.3 < frechet_distance(test.chemnet, scaffolds.chemnet) < 0.7
    assert test.properties["mw"].mean() == pytest.approx(307, abs=2)


def test_committed_training_filter_knows_the_training_set_and_little_else():
    known = metrics.load_training_filter("moses/train")
    assert len(known.hashes) / known.RANGE < 1e-3
    assert all(Chem.CanonSmiles(text) in known for text in TRAINING)
    strangers = metrics.load_reference("moses/test").canonical[::5]
    assert np.mean([text in known for text in strangers]) < 1e-3
    assert "OCC" not in build_training_filter(["OCC"])
    assert "CCO" in build_training_filter(["OCC"])

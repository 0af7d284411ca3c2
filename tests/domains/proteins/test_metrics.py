"""Generated proteins against held-out ones."""

import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import DataError
from tests.domains.proteins.examples import random_protein


@pytest.fixture
def held_out(generator):
    return [random_protein(generator, 50) for _ in range(30)]


def test_a_set_against_itself(held_out):
    found = DOMAIN.evaluate(held_out, held_out, held_out)
    assert (found["count"], found["count_valid"], found["count_unique"], found["count_reference"]) == (30,) * 4
    assert (found["valid"], found["unique"], found["novelty"]) == (1, 1, 0)
    assert (found["nearest_reference"], found["nearest_training"]) == (1, 1)
    assert found["composition_distance"] == pytest.approx(0, abs=1e-7)
    assert all(value == 0 for name, value in found.items() if name.startswith("wasserstein_"))
    assert 0.9 < found["internal_diversity"] < 1
    assert set(DOMAIN.reference_sets.notes) <= set(found)


def test_invalid_texts_count_and_enter_nothing_else(held_out):
    own = DOMAIN.evaluate(held_out[:10], held_out)
    found = DOMAIN.evaluate([*held_out[:10], "", "MK-V", "MKX", "ACGT" * 10, "A" * 20_000], held_out)
    assert (found["count"], found["count_valid"]) == (15, 10)
    assert found["valid"] == pytest.approx(10 / 15)
    unchanged = [name for name in own if name not in ("count", "valid")]
    assert {n: found[n] for n in unchanged} == {n: own[n] for n in unchanged}
    assert "novelty" not in found, "there is no training set"


def test_repeats_lower_uniqueness_and_novelty_is_of_distinct_ones(held_out):
    found = DOMAIN.evaluate([held_out[0]] * 5 + held_out[:5], held_out, held_out[:4])
    assert found["unique"] == 0.5
    assert found["novelty"] == pytest.approx(1 / 5)


def test_composition_tells_a_shift(held_out):
    tryptophans = [protein[:40] + "W" * 10 for protein in held_out]
    assert DOMAIN.evaluate(tryptophans, held_out)["composition_distance"] > 0.1


def test_nothing_valid_still_answers(held_out):
    assert DOMAIN.evaluate(["?"], held_out, held_out) == {
        "count": 1, "count_valid": 0, "count_unique": 0, "count_reference": 30, "valid": 0,
    }  # fmt: skip
    with pytest.raises(DataError, match="got none"):
        DOMAIN.evaluate([], held_out)
    with pytest.raises(DataError, match="reference of valid proteins"):
        DOMAIN.evaluate(held_out, ["?"])


def test_aligned_rows_are_compared_by_column():
    domain = load_domain("proteins/aligned")
    known = ["MKV-A", "MKVLA", "M-VLA"]
    found = domain.evaluate(["MKV-A", "MK-VA", "mkv", "-----"], known, ["MKVLA"])
    assert (found["count_valid"], found["count_unique"]) == (2, 1), "the same protein, aligned in two ways"
    assert found["novelty"] == 1
    assert found["nearest_reference"] == pytest.approx((1 + 3 / 5) / 2)

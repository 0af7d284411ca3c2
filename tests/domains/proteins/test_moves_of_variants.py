"""How a search moves among variants of a reference, and what it compares them by."""

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.models import AlignmentRepresentation
from sciencegen.domains.proteins.variants import Reference
from sciencegen.items import Refusal
from sciencegen.optimization.surrogate import tanimoto_kernel

WILD = "MKVLATWGHE"
COLUMNS = np.array([1, 2, 3, 5, 6, 8])


@pytest.fixture
def representation():
    return AlignmentRepresentation(Reference(WILD, 24), COLUMNS, (), np.empty(0), np.empty(0), np.full(6, 0.1))


def changed(item):
    return [place for place, pair in enumerate(zip(WILD, item, strict=True)) if pair[0] != pair[1]]


def test_moves_stay_in_the_columns_and_keep_the_number_of_changes_in_reach(representation):
    generator = np.random.default_rng(0)
    item = "MAVAATWGKE"
    counts = [0, 0, 0]
    for _ in range(400):
        child = representation.naming.mutate(item, generator)
        assert set(changed(child)) <= set(COLUMNS.tolist())
        assert sum(a != b for a, b in zip(item, child, strict=True)) <= 2
        counts[len(changed(child)) - 2] += 1
    assert min(counts) > 30, "one fewer, as many, one more"


def test_names_are_those_of_plates_and_scores_and_an_item_without_one_has_none(representation):
    items = [WILD, "MRVLATWGHE", WILD[:-1]]
    assert representation.naming.names(items) == ["WT", "K25R", None]
    assert [DOMAIN.variants.name_of(representation.naming.reference, item) for item in items[:2]] == ["WT", "K25R"]


def test_the_reference_itself_only_gains(representation):
    generator = np.random.default_rng(0)
    assert {len(changed(representation.naming.mutate(WILD, generator))) for _ in range(50)} == {1}


def test_another_length_is_refused(representation):
    assert isinstance(representation.naming.mutate("MKV", np.random.default_rng(0)), Refusal)


def test_variants_are_alike_by_the_changes_that_they_share(representation):
    same, same_place, other = "MKVAATWGHE", "MKVGATWGHE", "MKVLATWGKE"
    rows = representation.naming.differences([same, same_place, other, WILD, same])
    kernel = tanimoto_kernel(rows, rows)
    assert kernel[0, 4] == pytest.approx(1)
    assert kernel[0, 1] > kernel[0, 2] > 0
    assert rows[3].sum() == 1, "the reference has no change"

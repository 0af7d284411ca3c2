"""Features of variants with insertions and deletions."""

import numpy as np
import pytest

from sciencegen.domains.proteins.features import REGRESSION, EditFeatures, VariantFeatures, fit_edit_features
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import IncompatibleError
from tests.domains.proteins.examples import GB1

INSERTIONS = [GB1[:place] + ALPHABET[place % 20] + GB1[place:] for place in range(0, 55, 2)]


def test_neighbouring_insertions_are_alike_and_shifted_residues_do_not_count():
    features = fit_edit_features(INSERTIONS)
    rows = features([GB1[:10] + "A" + GB1[10:], GB1[:11] + "A" + GB1[11:], GB1[:40] + "A" + GB1[40:]])
    assert rows.shape == (3, sum(block.size for block in features.blocks))
    near, far = np.linalg.norm(rows[0] - rows[1]), np.linalg.norm(rows[0] - rows[2])
    assert 0 < near < far / 2


def test_substitutions_and_strangers_have_other_features():
    substitutions = [GB1[:place] + "W" + GB1[place + 1 :] for place in range(30)]
    assert fit_edit_features(substitutions) is None
    assert isinstance(REGRESSION.fit(substitutions, None), VariantFeatures)
    assert isinstance(REGRESSION.fit(INSERTIONS, None), EditFeatures)
    assert isinstance(REGRESSION.fit([*substitutions, *INSERTIONS], Reference(GB1)), VariantFeatures)
    generator = np.random.default_rng(0)
    strangers = ["".join(generator.choice(list(ALPHABET), 50 + length)) for length in range(10)]
    assert fit_edit_features(strangers) is None
    assert fit_edit_features([one[: 8 + number] for number, one in enumerate(strangers)]) is None
    assert fit_edit_features([]) is None


def test_the_order_of_rows_changes_nothing():
    """Not even a first row that has more edits than the others."""
    first = INSERTIONS[3][:40] + "WW" + INSERTIONS[3][44:]
    items = [first, *INSERTIONS, *(GB1[:place] + GB1[place + 1 :] for place in range(0, 56, 4))]
    features, turned = fit_edit_features(items), fit_edit_features(items[::-1])
    assert features.origin == turned.origin == GB1
    assert np.array_equal(features(items), turned(items))


def test_short_variants_of_few_sites_have_edits():
    """Half of the residues are those of the others, which unrelated peptides never have."""
    items = [f"MK{one}{other}" for one in "ACDEFGHIK" for other in "ACDEFGHIK"]
    assert isinstance(fit_edit_features([*items, "MKAAA", "MKAAC"]), EditFeatures)


def test_saved_features_are_the_same():
    features = fit_edit_features(INSERTIONS)
    again = REGRESSION.load(features.to_json())
    for one, other in zip(features.encode(INSERTIONS[:5]), again.encode(INSERTIONS[:5]), strict=True):
        assert np.array_equal(one, other)
    (refused,) = again.encode([GB1 * 2])
    assert "112 residues" in refused.reason
    with pytest.raises(IncompatibleError, match="train again"):
        REGRESSION.load(features.to_json() | {"widths": [1]})


def test_splits_are_read_off_the_edits():
    features = EditFeatures(GB1)
    items = [GB1, INSERTIONS[3], GB1[:20] + GB1[21:30] + "W" + GB1[31:]]
    assert REGRESSION.splits["positions"](items, features).labels == [(), (7,), (21, 31)]
    assert list(REGRESSION.splits["mutations"](items, features).labels) == [0, 1, 2]

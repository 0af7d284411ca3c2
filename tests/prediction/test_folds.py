import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.prediction.fitting import calibration_split
from sciencegen.prediction.predictor import PredictorSettings
from sciencegen.prediction.training_tables import grouped_folds, joined_groups, row_groups, split_folds


def calibration_folds(features, groups, settings, generator):
    split = calibration_split(features, groups, settings)
    return split_folds(split, features, settings.folds, generator).fold, split.name


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_both_sides(seed):
    generator = np.random.default_rng(seed)
    groups = [f"g{k}" for k in generator.integers(0, 30, 200)]
    fold = grouped_folds(groups, 5, generator)
    for group in set(groups):
        assert len({f for f, g in zip(fold, groups, strict=True) if g == group}) == 1
    assert set(fold) == set(range(5))
    assert np.bincount(fold).max() <= 60


def test_joined_groups_are_the_connected_components():
    joined = joined_groups(["a", "a", "b", "c"], [1, 2, 2, 3])
    assert joined[0] == joined[1] == joined[2] != joined[3]


def test_equal_items_share_a_fold_whatever_their_groups_say():
    generator = np.random.default_rng(0)
    features = generator.integers(0, 5, (90, 3)).astype(float)
    items, groups = row_groups(features), [k // 2 for k in range(90)]
    for calibration in ("grouped", "random"):
        settings = PredictorSettings(folds=4, calibration=calibration)
        fold, _ = calibration_folds(features, groups[::-1] if calibration == "grouped" else None, settings, generator)
        assert len(set(fold)) > 1
        assert all(len(set(fold[items == item])) == 1 for item in set(items))


def test_auto_leaves_out_groups_unless_one_is_too_large():
    features = np.arange(60.0)[:, None]
    settings = PredictorSettings(folds=5)
    small, large = [k // 3 for k in range(60)], [0 if k < 40 else k for k in range(60)]
    generator = np.random.default_rng(0)
    assert calibration_folds(features, small, settings, generator)[1] == "grouped"
    assert calibration_folds(features, large, settings, generator)[1] == "random"
    assert calibration_folds(features, None, settings, generator)[1] == "random"
    with pytest.raises(DataError, match="groups"):
        calibration_folds(features, None, PredictorSettings(calibration="grouped"), generator)


def test_an_empty_label_is_a_group_of_its_own():
    """Forty items without a group, one of them measured twice, are no large group that is left out as a whole."""
    features = np.array([*range(59), 0.0])[:, None]
    labels = ["" if k < 40 or k == 59 else f"g{k // 4}" for k in range(60)]
    joined = joined_groups(labels, row_groups(features))
    assert len(set(joined.tolist())) == 39 + 1 + 5
    assert joined[0] == joined[59]
    fold, calibration = calibration_folds(features, labels, PredictorSettings(folds=5), np.random.default_rng(0))
    assert calibration == "grouped"
    assert set(fold[:40].tolist()) == set(range(5))


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match="at least 2 groups"):
        grouped_folds(["a"] * 5, 3, np.random.default_rng(0))

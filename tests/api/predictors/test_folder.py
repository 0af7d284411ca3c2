"""Folders of predictors: shipped names, targets, and errors."""

import pytest

from sciencegen.api.predictors.folder import (
    find_predictor,
    load_predictor,
    shipped_predictors,
    shipped_targets,
    split_targets,
    target_called,
)
from sciencegen.errors import DataError, IncompatibleError, SciencegenError


def test_every_shipped_predictor_is_found_by_its_targets():
    assert "qm9-properties" in shipped_predictors()
    assert shipped_targets("molecules")["gap"] == "qm9-properties"
    assert set(shipped_targets("molecules").values()) <= set(shipped_predictors())
    assert shipped_targets("pointclouds") == {}


def test_a_name_that_is_none_gets_the_nearest_one():
    with pytest.raises(DataError, match="Did you mean 'qm9-properties'"):
        find_predictor("qm9-propertis")


def test_a_predictor_of_another_domain_is_refused():
    with pytest.raises(IncompatibleError, match="found one for molecules"):
        load_predictor("pointclouds", "qm9-properties")


def test_several_targets_go_by_their_names_and_one_by_any():
    assert split_targets("a, b") == ("a", "b")
    assert target_called("anything", ("a",), "folder") == "a"
    assert target_called("b", ("a", "b"), "folder") == "b"
    with pytest.raises(SciencegenError, match="target of the predictor folder"):
        target_called("c", ("a", "b"), "folder")

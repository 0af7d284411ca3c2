"""train: a finished training is returned unchanged, and another is not overwritten without `force`."""

import pytest

from sciencegen.api.train import take_model
from sciencegen.errors import ConfigError


def test_weights_are_copied_whole_and_only_once(workspace, tmp_path):
    copy = take_model("pointclouds", str(workspace.model), tmp_path / "copy")
    for name in ("config.yaml", "representation.json", "weights.safetensors", "metrics.json"):
        assert (copy.folder / name).read_bytes() == (workspace.model / name).read_bytes()
    assert take_model("pointclouds", str(copy.folder), copy.folder).folder == copy.folder
    with pytest.raises(ConfigError, match="Pass `force`"):
        take_model("pointclouds", str(workspace.model), copy.folder)

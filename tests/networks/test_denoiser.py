import pytest
import torch
from torch import Generator

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.denoiser import LevelEmbedding, VectorDenoiser


def test_levels_are_told_apart_over_their_whole_range():
    embedded = LevelEmbedding(32)(torch.linspace(-15, 15, 121))
    apart = torch.cdist(embedded, embedded) + 10 * torch.eye(121)
    assert apart.min() > 0.1


def test_it_starts_as_zero_and_reads_level_and_condition():
    network = VectorDenoiser("z", 3, 2, width=16, depth=2, generator=Generator().manual_seed(0))
    z, level, condition = {"z": torch.randn(4, 3)}, torch.zeros(4), torch.zeros(4, 2)
    assert (network(z, level, condition, None)["z"] == 0).all()
    torch.nn.init.normal_(network.outward.weight)
    first = network(z, level, condition, None)["z"]
    assert (network(z, level + 1, condition, None)["z"] != first).any(1).all()
    assert (network(z, level, torch.full((4, 2), torch.nan), None)["z"] != first).any(1).all()
    torch.testing.assert_close(
        network(z, level, None, None)["z"], network(z, level, torch.full((4, 2), torch.nan), None)["z"]
    )


def test_other_shapes_and_odd_embeddings_are_refused():
    with pytest.raises(ShapeError, match=r"'z' of shape \[batch 3\], got \[4, 2\]"):
        VectorDenoiser("z", 3)({"z": torch.zeros(4, 2)}, torch.zeros(4), None, None)
    with pytest.raises(ConfigError, match="even size"):
        LevelEmbedding(3)

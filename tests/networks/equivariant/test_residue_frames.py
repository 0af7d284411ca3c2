"""Frames of residues, and the ends of chains."""

import torch

from sciencegen.networks.residues import LARGEST_SEPARATION, frames, local_features, place_along_chain


def test_frames_are_right_handed_rotations():
    atoms = torch.randn(2, 5, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotations = frames(torch.zeros(2, 5, 3, dtype=torch.float64), atoms).rotations
    assert torch.allclose(rotations.transpose(-1, -2) @ rotations, torch.eye(3, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(2, 5, dtype=torch.float64))


def test_ends_of_neighbouring_chains_are_no_neighbours():
    index = place_along_chain(torch.zeros(1, 6, 3), torch.tensor([[0, 0, 0, 1, 1, 1]]))
    geometry = frames(torch.randn(1, 6, 3), torch.randn(1, 6, 2, 3))
    ends = local_features(*geometry, torch.ones(1, 6, 1), index)[0, :, -2:]
    assert ends[:, 0].tolist() == [1, 0, 0, 1, 0, 0]
    assert ends[:, 1].tolist() == [0, 0, 1, 0, 0, 1]
    assert (index[0, 3:, None] - index[0, :3]).min() > LARGEST_SEPARATION

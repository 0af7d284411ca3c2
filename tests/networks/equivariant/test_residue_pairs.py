"""What residues see of each other, and pulls between them: motions are symmetries, mirror images are told apart."""

import pytest
import torch

from sciencegen.networks.residues import frames, gaussians_between, pair_features, pulled_by, seen_pairs

RADIAL, REACH = 6, 22.0
MIRROR = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def rotation():
    matrix = torch.linalg.qr(drawn(3, 3, seed=5))[0]
    return matrix * torch.linalg.det(matrix)


@pytest.fixture
def chain():
    """Positions in ångström, and the atoms N and C of each residue."""
    return 8 * drawn(2, 9, 3), drawn(2, 9, 2, 3, seed=1)


def seen(positions, atoms):
    return seen_pairs(positions, frames(positions, atoms).rotations, RADIAL, REACH)


def test_motions_change_nothing_that_is_seen(chain, rotation):
    positions, atoms = chain
    found = seen(positions, atoms)
    assert found.shape == (2, 9, 9, pair_features(RADIAL))
    moved = seen(positions @ rotation.T + torch.tensor([9.0, -4.0, 2.0]), atoms @ rotation.T)
    assert (moved - found).abs().max() < 1e-10


def test_a_mirror_image_keeps_distances_and_looks_different(chain):
    positions, atoms = chain
    found, mirrored = seen(positions, atoms), seen(positions @ MIRROR, atoms @ MIRROR)
    radial = torch.cat([torch.arange(RADIAL), torch.arange(RADIAL + 15, 2 * RADIAL + 15)])
    assert (found - mirrored)[..., radial].abs().max() < 1e-10
    apart = ~torch.eye(9, dtype=torch.bool)
    assert ((found - mirrored).abs().amax(-1)[:, apart] > 1e-2).all()


def test_each_of_a_pair_sees_what_the_other_says(chain):
    """The direction that i sees back from j is that which j sees toward i; relative orientations are transposed."""
    found = seen(*chain)
    towards, back, turned = found[..., RADIAL : RADIAL + 15].split([3, 3, 9], -1)
    assert torch.allclose(towards, back.transpose(1, 2), atol=1e-12)
    matrices = turned.unflatten(-1, (3, 3))
    assert torch.allclose(matrices, matrices.transpose(1, 2).mT, atol=1e-12)
    off = ~torch.eye(9, dtype=torch.bool)
    assert towards.norm(dim=-1)[:, off] == pytest.approx(1, abs=1e-4)


def test_gaussians_are_1_at_their_own_distance():
    centres = torch.linspace(3.0, 10.5, 6, dtype=torch.float64)
    found = gaussians_between(centres[:, None, None, None], 3.0, 10.5, 6)[:, 0, 0]
    assert torch.diagonal(found).tolist() == pytest.approx([1.0] * 6)
    assert (found.argmax(-1) == torch.arange(6)).all()


@pytest.fixture
def pulls():
    """Weights of far and near pulls, and a mask with padding."""
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, 6:] = False
    return drawn(2, 9, 9, seed=2), drawn(2, 9, 9, seed=3), mask


def test_pulls_are_the_sums_of_the_docstring(chain, pulls):
    positions, (far, near, mask) = chain[0], pulls
    found = pulled_by(positions, far, near, mask)
    for row, count in enumerate(mask.sum(1).tolist()):
        for i in range(count):
            apart = positions[row, :count] - positions[row, i]
            expected_far = (far[row, i, :count, None] * apart).sum(0) / count
            expected_near = (near[row, i, :count, None] * apart / (1 + apart.norm(dim=-1, keepdim=True))).sum(0)
            assert torch.allclose(found[0][row, i], expected_far, atol=1e-10)
            assert torch.allclose(found[1][row, i], expected_near, atol=1e-10)


def test_pulls_turn_with_the_chain_and_do_not_see_where_it_is(chain, pulls, rotation):
    positions = chain[0]
    found = pulled_by(positions, *pulls)
    for turn in (rotation, MIRROR):
        moved = pulled_by(positions @ turn.T + torch.tensor([50.0, -40.0, 30.0]), *pulls)
        for one, other in zip(moved, found, strict=True):
            assert (one - other @ turn.T).abs().max() < 1e-10


def test_padding_pulls_nothing(chain, pulls):
    positions, (far, near, mask) = chain[0], pulls
    found = pulled_by(positions, far, near, mask)
    alone = pulled_by(positions[1:, :6], far[1:, :6, :6], near[1:, :6, :6], torch.ones(1, 6, dtype=torch.bool))
    for one, other in zip(found, alone, strict=True):
        assert torch.allclose(one[1:, :6], other, atol=1e-10)


def test_near_pulls_are_bounded_and_have_a_gradient_where_residues_meet():
    positions = torch.tensor([[[0.0, 0, 0], [1e6, 0, 0], [0, 0, 0]]], dtype=torch.float64, requires_grad=True)
    ones = torch.ones(1, 3, 3, dtype=torch.float64)
    _, near = pulled_by(positions, 0 * ones, ones, torch.ones(1, 3, dtype=torch.bool))
    assert near.norm(dim=-1).max() < 3
    near.sum().backward()
    assert positions.grad.isfinite().all()

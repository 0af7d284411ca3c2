"""Networks of residues: frames, pairs, chains."""

import pytest
import torch

from sciencegen.networks.residues import (
    ATOMS,
    CHAIN,
    EARLIER_ATOMS,
    EARLIER_TRACE,
    LARGEST_SEPARATION,
    STEP,
    TRACE,
    ResidueDenoiser,
    ResidueNetworkSettings,
    colour,
    frames,
    gaussians_between,
    globule_radius,
    local_features,
    pair_features,
    place_along_chain,
    pull_back,
    pulled_by,
    seen_pairs,
    walk_matrix,
    whiten,
)

# The denoiser of backbones: rotations and translations are symmetries, reflections are not.


SMALL = ResidueNetworkSettings(width=16, pair_width=8, layers=1, heads=2, radial=4, context=8)
LOG_SNR = torch.tensor([0.3, -2.0], dtype=torch.float64)


def started(recalls=False):
    torch.manual_seed(0)
    network = ResidueDenoiser([0], SMALL, recalls).double()
    for parameter in network.parameters():
        if not parameter.abs().sum():  # layers that start at zero
            torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture
def network():
    return started()


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(2, 13, dtype=torch.bool)
    mask[1, 9:] = False
    draw = lambda width: torch.randn(2, 13, width, generator=generator, dtype=torch.float64) * mask[..., None]  # noqa: E731
    return {TRACE: draw(3), ATOMS: draw(6)}, mask


def turned(fields, rotation):
    atoms = (fields[ATOMS].unflatten(2, (2, 3)) @ rotation.T).flatten(2)
    return {TRACE: fields[TRACE] @ rotation.T, ATOMS: atoms}


def far(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def random_rotation():
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    return rotation * torch.linalg.det(rotation)


def test_rotations_are_a_symmetry(network, noisy):
    z, mask = noisy
    rotation = random_rotation()
    expected = turned(network(z, LOG_SNR, None, mask), rotation)
    assert far(network(turned(z, rotation), LOG_SNR, None, mask), expected) < 1e-10


def test_translations_are_a_symmetry(network, noisy):
    """Only the first whitened number of a chain has to do with where it lies."""
    z, mask = noisy
    moved = {**z, TRACE: z[TRACE].clone()}
    from sciencegen.networks.residues import colour, whiten

    count = mask.sum(1)
    moved[TRACE] = whiten(colour(z[TRACE], count) + torch.tensor([5.0, -2.0, 9.0]), count) * mask[..., None]
    assert far(network(moved, LOG_SNR, None, mask), network(z, LOG_SNR, None, mask)) < 1e-10


def test_reflections_are_not_a_symmetry(network, noisy):
    z, mask = noisy
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    reflected = network(turned(z, mirror), LOG_SNR, None, mask)
    assert far(reflected, turned(network(z, LOG_SNR, None, mask), mirror)) > 0.1


def test_padding_changes_nothing(network, noisy):
    z, mask = noisy
    alone = {name: value[1:, :9] for name, value in z.items()}
    together = {name: value[1:, :9] for name, value in network(z, LOG_SNR, None, mask).items()}
    assert far(network(alone, LOG_SNR[1:]), together) < 1e-10


def test_the_condition_reaches_the_estimate(network, noisy):
    z, mask = noisy
    one, other = (network(z, LOG_SNR, torch.full((2, 1), value).double(), mask) for value in (0.0, 1.0))
    assert far(one, other) > 1e-4


def test_one_chain_needs_no_number(network, noisy):
    z, mask = noisy
    numbered = network({**z, CHAIN: torch.zeros(2, 13, dtype=torch.long)}, LOG_SNR, None, mask)
    assert far(numbered, network(z, LOG_SNR, None, mask)) < 1e-10


def test_chains_of_an_assembly_rotate_together_and_see_each_other(network, noisy):
    z, mask = noisy
    chain = torch.tensor([[0] * 5 + [1] * 8]).expand(2, -1)
    found = network({**z, CHAIN: chain}, LOG_SNR, None, mask)
    rotation = random_rotation()
    assert far(network({**turned(z, rotation), CHAIN: chain}, LOG_SNR, None, mask), turned(found, rotation)) < 1e-10
    assert far(found, network(z, LOG_SNR, None, mask)) > 1e-3
    other = {name: torch.cat([value[:, :5], 0.5 * value[:, 5:]], 1) for name, value in z.items()}
    assert far(found, network({**other, CHAIN: chain}, LOG_SNR, None, mask)) > 1e-3


def test_an_earlier_estimate_is_seen_from_its_own_frames(noisy):
    (z, mask), network = noisy, started(recalls=True)
    before = {TRACE: z[TRACE].flip(0) * mask[..., None], ATOMS: z[ATOMS].flip(0) * mask[..., None]}
    with_it = lambda fields, seen: {**fields, EARLIER_TRACE: seen[TRACE], EARLIER_ATOMS: seen[ATOMS]}  # noqa: E731
    found = network(with_it(z, before), LOG_SNR, None, mask)
    rotation = random_rotation()
    rotated = network(with_it(turned(z, rotation), turned(before, rotation)), LOG_SNR, None, mask)
    assert far(rotated, turned(found, rotation)) < 1e-10
    assert far(found, network(z, LOG_SNR, None, mask)) > 1e-3
    assert far(found, network(with_it(z, turned(before, rotation)), LOG_SNR, None, mask)) < 1e-10


def test_columns_that_it_does_not_see_change_nothing(noisy):
    z, mask = noisy
    torch.manual_seed(0)
    network = ResidueDenoiser([1], SMALL).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    first, second, third = (torch.tensor([row, row]).double() for row in ([0.0, 1.0], [5.0, 1.0], [0.0, 2.0]))
    assert far(network(z, LOG_SNR, first, mask), network(z, LOG_SNR, second, mask)) == 0
    assert far(network(z, LOG_SNR, first, mask), network(z, LOG_SNR, third, mask)) > 1e-4


def test_reduced_precision_leaves_geometry_exact(network):
    """Far from the origin of a long chain, positions rounded to bfloat16 would be off by 0.2 ångström."""
    network = network.float()
    generator = torch.Generator().manual_seed(3)
    z = {TRACE: torch.randn(1, 60, 3, generator=generator), ATOMS: torch.randn(1, 60, 6, generator=generator)}
    log_snr = torch.tensor([4.0])
    with torch.no_grad():
        plain = network(z, log_snr)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = network(z, log_snr)
    for name, value in plain.items():
        assert reduced[name].dtype == torch.float32
        assert (reduced[name] - value).norm() / value.norm() < 0.01


# What residues see of each other, and pulls between them: motions are symmetries, mirror images are told apart.


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


# Frames of residues, and the ends of chains.


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


# Noise along a chain: a globule's spread and steps of the right length.


def test_colour_inverts_whiten_for_chains_of_several_lengths():
    generator = torch.Generator().manual_seed(0)
    positions = 10 * torch.randn(3, 50, 3, generator=generator, dtype=torch.float64)
    count = torch.tensor([50, 17, 2])
    assert torch.allclose(colour(whiten(positions, count), count), positions, atol=1e-10)


def test_padding_does_not_change_a_chain():
    numbers = torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    count = torch.tensor([20])
    assert torch.allclose(colour(numbers, count)[:, :20], colour(numbers[:, :20], count), atol=1e-12)


@pytest.mark.parametrize("length", [40, 100, 250])
def test_noise_is_a_globule_of_steps_between_alpha_carbons(length):
    numbers = torch.randn(400, length, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    count = torch.full((400,), length)
    chain = colour(numbers, count)
    steps = chain.diff(dim=1).square().sum(-1).mean().sqrt()
    assert steps == pytest.approx(STEP, rel=0.03)
    from_origin = chain.square().sum(-1).mean().sqrt()
    assert from_origin == pytest.approx(float(globule_radius(count)[0]), rel=0.05)


def test_a_rotated_chain_has_rotated_numbers():
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    positions, count = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64), torch.tensor([9, 9])
    assert torch.allclose(whiten(positions @ rotation, count), whiten(positions, count) @ rotation, atol=1e-12)


@pytest.mark.parametrize("chain", [None, torch.tensor([[0] * 9 + [1] * 21] * 2)])
def test_forces_on_numbers_do_the_work_of_those_on_positions(chain):
    generator = torch.Generator().manual_seed(0)
    numbers, forces = torch.randn(2, 2, 30, 3, generator=generator, dtype=torch.float64)
    count = torch.tensor([30, 30])
    work = (colour(numbers, count, chain) * forces).sum((1, 2)) * 3 / globule_radius(count).square()
    torch.testing.assert_close((numbers * pull_back(forces, count, chain)).sum((1, 2)), work)


def test_the_matrix_of_the_walk_is_that_of_colour():
    numbers = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(0))
    count = torch.tensor([12, 12])
    assert torch.allclose(walk_matrix(count, 12) @ numbers, colour(numbers, count), atol=1e-5)


def test_each_chain_of_an_assembly_is_a_walk_by_itself_with_the_spread_of_the_whole():
    numbers = torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    count, chain = torch.tensor([30]), torch.tensor([[0] * 10 + [1] * 20])
    places = colour(numbers, count, chain)
    assert torch.allclose(whiten(places, count, chain), numbers, atol=1e-10)
    assert torch.allclose(places[:, :10], colour(numbers[:, :10], count), atol=1e-10)
    assert torch.allclose(places[:, 10:], colour(numbers[:, 10:], count), atol=1e-10)
    assert not torch.allclose(places[:, 10:], colour(numbers, count)[:, 10:], atol=1)

"""The denoiser of backbones: rotations and translations are symmetries, reflections are not."""

import pytest
import torch

from sciencegen.networks.residues import (
    ATOMS,
    CHAIN,
    EARLIER_ATOMS,
    EARLIER_TRACE,
    TRACE,
    ResidueDenoiser,
    ResidueNetworkSettings,
)

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

"""Noise along a chain: a globule's spread and steps of the right length."""

import pytest
import torch

from sciencegen.networks.residues import STEP, colour, globule_radius, pull_back, walk_matrix, whiten


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

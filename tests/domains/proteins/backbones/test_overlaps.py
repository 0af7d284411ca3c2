"""Draws without overlaps: what overlaps is moved apart along the chain, what doesn't stays, in every frame."""

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins.backbones.diffusion import heavy_atoms, repulsion, trace_change, without_overlaps
from sciencegen.domains.proteins.backbones.geometry import (
    LEAST_APART,
    ca_distances,
    overlaps,
    place_betas,
    place_oxygens,
)
from sciencegen.domains.proteins.backbones.representation import around_trace, padded_places
from sciencegen.networks.residues import ATOMS, CHAIN, TRACE, colour, whiten
from tests.domains.proteins.backbones import real
from tests.domains.proteins.backbones.examples import helix


def of(coordinates: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    batch = padded_places([coordinates[:, :3] - coordinates[:, 1].mean(0)])
    return batch[TRACE].double(), batch[ATOMS].double()


def places(trace: torch.Tensor, atoms: torch.Tensor) -> np.ndarray:
    n, ca, c = around_trace(colour(trace, torch.tensor([trace.shape[1]])), atoms)[0].numpy().swapaxes(0, 1)
    return np.stack([n, ca, c, place_oxygens(n, ca, c)], 1)


def folded_onto_itself(by=(3.0, 0.0, 0.0)) -> np.ndarray:
    """A helix of which the second half lies where the first one does."""
    there = helix(40)
    return np.concatenate([there[:20], there[:20] + np.array(by)])


def test_overlapping_parts_move_apart_and_bonds_hardly_change() -> None:
    trace, atoms = of(folded_onto_itself())
    before = places(trace, atoms)
    assert overlaps(before) > 20
    for _ in range(4):  # as at one level of noise after the other
        trace = trace + trace_change(trace, atoms)
    after = places(trace, atoms)
    assert overlaps(after) < overlaps(before) / 4
    inside = np.delete(ca_distances(after), 19)
    assert np.abs(inside - np.delete(ca_distances(before), 19)).mean() < 0.25


@pytest.mark.parametrize("number", range(4))
def test_native_chains_stay(number) -> None:
    chain = real.committed(4)[number].coordinates
    trace, atoms = of(chain)
    moves = colour(trace_change(trace, atoms), torch.tensor([len(chain)]))
    assert moves.norm(dim=-1).square().mean().sqrt() < 0.75  # glycines, which have room without CB


def test_a_chain_without_overlaps_gets_no_change() -> None:
    assert not trace_change(*of(helix(40))).any()


def test_a_chain_changes_as_it_would_alone() -> None:
    """Others of its batch may take more rounds."""
    slight, much = (folded_onto_itself(by) for by in ((3.9, 0.0, 0.0), (1.0, 0.0, 0.0)))
    together = padded_places([one[:, :3] - one[:, 1].mean(0) for one in (slight, much)])
    change = trace_change(together[TRACE].double(), together[ATOMS].double())
    assert change[0].any()
    assert torch.allclose(change[:1], trace_change(*of(slight)), atol=1e-12)


def test_a_rotation_turns_the_change() -> None:
    there, turn = folded_onto_itself(), torch.from_numpy(np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0])
    turn = turn * torch.linalg.det(turn)
    change = trace_change(*of(there))
    assert torch.allclose(trace_change(*of(there @ turn.numpy().T)), change @ turn.T, atol=1e-5)
    assert change.abs().max() > 0.05


def test_forces_are_the_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    positions = (3 * torch.randn(2, 12, 3, dtype=torch.float64, generator=generator)).requires_grad_()
    relative = torch.randn(2, 12, 6, 3, dtype=torch.float64, generator=generator)
    pairs = torch.cartesian_prod(torch.arange(2), torch.arange(12), torch.arange(12))
    pairs = pairs[pairs[:, 2] - pairs[:, 1] >= 3]
    places = positions[:, :, None] + relative
    one, other = (places[pairs[:, 0], pairs[:, column]] for column in (1, 2))
    energy = 0.5 * (torch.from_numpy(LEAST_APART) - torch.cdist(one, other)).clamp(min=0).square().sum()
    (gradient,) = torch.autograd.grad(energy, positions)
    assert gradient.abs().max() > 1
    assert torch.allclose(repulsion(places.detach(), pairs), -gradient)


@pytest.mark.parametrize("number", range(2))
def test_heavy_atoms_are_those_of_the_chain(number) -> None:
    chain = real.committed(2)[number].coordinates.astype(float)
    trace, atoms = of(chain)
    found = heavy_atoms(colour(trace, torch.tensor([len(chain)])), atoms, torch.arange(len(chain))[None])[0].numpy()
    whole = places(trace, atoms)
    beta = place_betas(whole)
    side = whole[:, 1] + 2.5 / 1.53 * (beta - whole[:, 1])
    expected = np.concatenate([whole, beta[:, None], side[:, None]], 1)
    np.testing.assert_allclose(found[:-1], expected[:-1], atol=1e-5)


def test_padding_is_no_overlap() -> None:
    batch = padded_places([helix(40)[:, :3], helix(10)[:, :3] * 0.5])
    change = trace_change(batch[TRACE], batch[ATOMS], mask=batch.mask)
    assert not change[0].any()
    assert not change[1, 10:].any()


def test_other_chains_are_seen() -> None:
    """Ends of chains, where residues are near along one chain."""
    ca = torch.stack([3.8 * torch.arange(4.0), torch.zeros(4), torch.zeros(4)], 1)
    both = torch.cat([ca, ca.flip(0) + torch.tensor([3.8, 1.0, 0.0])])[None].double()
    chain = torch.tensor([[0] * 4 + [1] * 4])
    atoms = torch.zeros(1, 8, 6).double()
    count = torch.tensor([8])
    one = trace_change(whiten(both, count), atoms)
    two = trace_change(whiten(both, count, chain), atoms, chain)
    assert one.any()
    assert colour(two, count, chain).norm(dim=-1)[0, 3:5].min() > 0.1


def test_estimates_of_much_noise_and_gradients_pass_unchanged() -> None:
    trace, atoms = of(folded_onto_itself())

    def denoise(z, log_snr, condition, mask):
        return {TRACE: 2 * z[TRACE], ATOMS: z[ATOMS]}

    z = {TRACE: (trace / 2).requires_grad_(), ATOMS: atoms}
    noisy, clear = (without_overlaps(denoise)(z, torch.tensor([level]), None, None)[TRACE] for level in (-1.0, 1.0))
    assert torch.equal(noisy, trace)
    assert not torch.equal(clear, trace)
    (slope,) = torch.autograd.grad(clear.sum(), z[TRACE])
    assert (slope == 2).all()
    assert CHAIN not in z

"""The network of crystals: nothing changes with the choice of origin, images and order; outputs turn with the axes."""

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError, UnknownNameError
from sciencegen.networks.crystals import (
    CELL,
    PLACES,
    TYPES,
    CrystalDenoiser,
    CrystalNetworkSettings,
    displacement,
    displacement_scale,
    neighbours,
    parts_of,
    symmetric,
)

TOLERANCE = 1e-10
ATOMS, ELEMENTS = 6, 5
SETTINGS = CrystalNetworkSettings(width=16, pair_width=8, layers=2, heads=4, radial=8, context=8)
AXES = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""A permutation of the axes with one of them reversed."""

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def denoiser():
    torch.manual_seed(0)
    network = CrystalDenoiser(ELEMENTS, 2, {PLACES: 5.5, TYPES: 2.0}, settings=SETTINGS)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


@pytest.fixture
def crystals():
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return {PLACES: draw(3, ATOMS, 3), TYPES: draw(3, ATOMS, ELEMENTS), CELL: draw(3, 6)}


LEVELS = torch.tensor([-3.0, 0.0, 4.0], dtype=torch.float64)
CONDITION = torch.tensor([[0.5, float("nan")]] * 3, dtype=torch.float64)


def close(one, other):
    return float((one - other).abs().max()) < TOLERANCE


def test_origin_and_images_of_atoms_only_shift_the_estimate(denoiser, crystals):
    alpha = torch.sigmoid(LEVELS + 5.5).sqrt()[:, None, None]
    shift = 0.37 + torch.randint(-2, 3, (3, ATOMS, 3)).double()
    moved = {**crystals, PLACES: crystals[PLACES] + alpha * shift}
    before, after = (denoiser(z, LEVELS, CONDITION) for z in (crystals, moved))
    assert close(after[PLACES], before[PLACES] + shift)
    assert close(after[TYPES], before[TYPES])
    assert close(after[CELL], before[CELL])


def test_axes_can_be_permuted_and_reversed(denoiser, crystals):
    axes = AXES.double()
    turned = lambda cell: parts_of(axes @ symmetric(cell) @ axes.T)  # noqa: E731
    moved = {**crystals, PLACES: crystals[PLACES] @ axes.T, CELL: turned(crystals[CELL])}
    before, after = (denoiser(z, LEVELS, CONDITION) for z in (crystals, moved))
    assert close(after[PLACES], before[PLACES] @ axes.T)
    assert close(after[CELL], turned(before[CELL]))


def test_order_of_atoms_is_kept(denoiser, crystals):
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    moved = {**crystals, PLACES: crystals[PLACES][:, order], TYPES: crystals[TYPES][:, order]}
    before, after = (denoiser(z, LEVELS, CONDITION) for z in (crystals, moved))
    assert close(after[PLACES], before[PLACES][:, order])
    assert close(after[CELL], before[CELL])


def test_padding_changes_nothing(denoiser, crystals):
    padded = {
        name: value if name == CELL else torch.cat([value, torch.randn_like(value[:, :2])], 1)
        for name, value in crystals.items()
    }
    mask = (torch.arange(ATOMS + 2) < ATOMS).expand(3, -1)
    before, after = denoiser(crystals, LEVELS, CONDITION), denoiser(padded, LEVELS, CONDITION, mask)
    assert close(after[PLACES][:, :ATOMS], before[PLACES])
    assert close(after[TYPES][:, :ATOMS], before[TYPES])
    assert close(after[CELL], before[CELL])


def test_an_earlier_estimate_and_the_condition_are_seen(denoiser, crystals):
    given = {f"earlier_{name}": value for name, value in crystals.items()}
    alone = denoiser(crystals, LEVELS, CONDITION)
    assert not close(denoiser({**crystals, **given}, LEVELS, CONDITION)[CELL], alone[CELL])
    assert not close(denoiser(crystals, LEVELS, CONDITION + 0.01)[CELL], alone[CELL])


def test_neighbours_of_a_cubic_cell_are_its_images():
    cell = torch.zeros(1, 3, 3) + torch.eye(3) * torch.tensor(3.0).log()
    found = neighbours(torch.zeros(1, 1, 3), cell, 41, 4.0)
    by_radius = found.radial[0, 0, 0]
    assert int(by_radius.argmax()) == 30  # Å/10: the six nearest images
    assert close(found.forces, torch.zeros(1))
    assert close(found.stresses[..., 1:], torch.zeros(1))


def test_symmetric_matrices_have_six_orthonormal_coordinates():
    parts = torch.randn(4, 6)
    assert close(parts_of(symmetric(parts)), parts)
    assert close(symmetric(parts).square().sum((1, 2)), parts.square().sum(1))


@pytest.mark.parametrize("deviation", [0.02, 0.2, 0.6])
def test_displacement_is_the_score_of_the_wrapped_normal(deviation):
    windings = torch.arange(-20, 21)
    away = torch.linspace(-0.49, 0.49, 9, requires_grad=True)
    density = (-0.5 * ((away[:, None] + windings) / deviation).square()).logsumexp(1)
    (score,) = torch.autograd.grad(density.sum(), away)
    found = displacement(-away.detach(), torch.full_like(away, deviation).detach())
    assert float((deviation**2 * score - found).abs().max()) < 2e-3


def test_scale_is_the_noise_where_that_is_small_and_vanishes_where_places_are_uniform():
    small, large = displacement_scale(-2 * torch.tensor([0.01, 0.75]).log()) / torch.tensor([0.01, 0.75])
    assert abs(float(small) - 1) < 0.03
    assert float(large) < 1e-3


def test_wrong_inputs_are_named(denoiser, crystals):
    with pytest.raises(ShapeError, match="Expected 'cell' of shape"):
        denoiser({**crystals, CELL: crystals[CELL][:, :5]}, LEVELS)
    with pytest.raises(UnknownNameError, match="places"):
        denoiser({TYPES: crystals[TYPES], CELL: crystals[CELL]}, LEVELS)
    with pytest.raises(ConfigError, match="heads"):
        CrystalNetworkSettings(width=30, heads=4)

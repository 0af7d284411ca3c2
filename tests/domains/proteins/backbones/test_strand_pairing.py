"""Laws of completed hydrogen bonds: native ones are found, nearly formed ones are completed, helices have none."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import (
    hydrogen_bonds,
    place_hydrogens,
    place_oxygens,
    secondary_structure,
)
from sciencegen.domains.proteins.backbones.relaxation import (
    OXYGEN_NITROGEN,
    Bridge,
    Reach,
    bond_limits,
    ladders,
    nearly_bonded,
    relaxed,
    with_oxygens_and_hydrogens,
)
from tests.domains.proteins.backbones.examples import helix, moved, needs_structures
from tests.domains.proteins.backbones.real import holdout


def strands(item) -> int:
    return secondary_structure(item).count("E")


@pytest.fixture(scope="module")
def sheets() -> list[np.ndarray]:
    return [item.coordinates for item in holdout(30) if strands(item.coordinates) > 0.3 * len(item)]


@needs_structures
def test_bonds_of_native_bridges_are_found(sheets) -> None:
    assert len(sheets) > 3
    for one in sheets:
        native = hydrogen_bonds(one)
        found = nearly_bonded(one[:, :3].astype(float))
        far = found[abs(found[:, 0] - found[:, 1]) > 5]
        rings = np.argwhere(np.triu(native & native.T, 6)).tolist()  # both bonds of an antiparallel bridge
        kept = {tuple(pair) for pair in far.tolist()}
        assert np.mean([tuple(pair) in kept for pair in rings]) > 0.85


@needs_structures
def test_atoms_have_one_bond_each_and_the_frame_does_not_matter(sheets) -> None:
    atoms = sheets[0][:, :3].astype(float)
    bonds = nearly_bonded(atoms)
    far = bonds[abs(bonds[:, 0] - bonds[:, 1]) > 5]
    assert len(np.unique(far[:, 0])) == len(far) == len(np.unique(far[:, 1]))
    np.testing.assert_array_equal(nearly_bonded(moved(atoms)), bonds)


@needs_structures
def test_atoms_at_a_break_have_no_bonds(sheets) -> None:
    """Neither O nor H can be placed without the residue that is missing."""
    atoms = sheets[0][:, :3].astype(float)
    for missing in np.unique(nearly_bonded(atoms)):
        found = nearly_bonded(np.delete(atoms, missing, 0))
        assert missing - 1 not in found[:, 0]
        assert missing not in found[:, 1]


@needs_structures
def test_strands_that_noise_has_broken_are_completed(sheets) -> None:
    noise = np.random.default_rng(0)
    noisy = [one[:, :3] + noise.normal(0, 0.3, one[:, :3].shape) for one in sheets]
    placed = [_with_oxygens(relaxed(one)) for one in noisy]
    native, broken, completed = (
        sum(map(strands, group)) for group in (sheets, [_with_oxygens(one) for one in noisy], placed)
    )
    assert broken < 0.7 * native
    assert 0.85 * native < completed < 1.25 * native


@needs_structures
def test_fixed_residues_stay_and_stay_bonded_to_their_neighbours(sheets) -> None:
    for seed, one in enumerate(sheets[:4]):
        fixed = (np.arange(len(one)) >= 10) & (np.arange(len(one)) < 22)
        noisy = one[:, :3] + np.random.default_rng(seed).normal(0, 0.4, one[:, :3].shape) * ~fixed[:, None, None]
        found = relaxed(noisy, fixed)
        np.testing.assert_array_equal(found[fixed], noisy[fixed])
        bonds = np.linalg.norm(found[1:, 0] - found[:-1, 2], axis=-1)
        assert abs(bonds[[9, 21]] - 1.33).max() < 0.06
        assert strands(_with_oxygens(found)) > strands(_with_oxygens(noisy))


def test_ladders_grow_from_near_bridges_and_share_no_atom() -> None:
    reach, near, alone = Reach(1.6, 2.2), Bridge(4, 30, -1, 1.5), Bridge(50, 70, 1, 1.5)
    grown, on, far = Bridge(6, 28, -1, 2.1), Bridge(8, 26, -1, 2.1), Bridge(10, 24, -1, 2.5)
    rival = Bridge(6, 40, -1, 1.4)
    assert set(ladders([near, grown, on, far, alone], reach)) == {near, grown, on}
    assert ladders([grown, on], reach) == []
    assert set(ladders([near, grown, rival], reach)) == set()
    assert ladders([near, Bridge(50, 70, 1, 0.5)], reach) == [Bridge(50, 70, 1, 0.5)]


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_helices_have_no_bridges(spread) -> None:
    atoms = helix(40)[:, :3] + spread * np.random.default_rng(0).normal(size=(40, 3, 3))
    assert len(nearly_bonded(atoms)) == 0


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_short_chains_have_none(count) -> None:
    assert nearly_bonded(helix(8)[:count, :3]).shape == (0, 2)


def test_oxygens_and_hydrogens_lie_where_they_are_placed() -> None:
    chain = helix(12)
    points = with_oxygens_and_hydrogens(12) @ chain[:, :3].reshape(-1, 3)
    oxygens, hydrogens = points[36:48], points[48:]
    assert np.abs(oxygens - chain[:, 3])[:-1].max() < 0.06
    assert np.abs(hydrogens - place_hydrogens(chain[:, 0], chain[:, 2], chain[:, 3]))[1:].max() < 0.06


def test_limits_name_the_atoms_of_each_bond() -> None:
    limits = bond_limits(np.array([[3, 7]]), 10)
    assert limits.pairs.tolist() == [[33, 21], [33, 47], [11, 47]]
    assert (limits.low[0], limits.high[0]) == OXYGEN_NITROGEN


def _with_oxygens(atoms: np.ndarray) -> np.ndarray:
    return np.concatenate([atoms, place_oxygens(*atoms.swapaxes(0, 1))[:, None]], 1)

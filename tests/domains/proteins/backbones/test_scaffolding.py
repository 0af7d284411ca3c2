"""Draws around a motif: its atoms exactly, everything else from the model, and lengths as asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.diffusion import motif_correction, motif_task
from sciencegen.domains.proteins.backbones.files import write
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.representation import places_of
from sciencegen.domains.superposition import superposed
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.networks.residues import ATOMS, BOND, TRACE
from tests.domains.proteins.backbones.examples import chains
from tests.domains.proteins.backbones.tiny_model import fitted, noise, random_model, tiny_model

ITEM = chains()[5]
"""30 residues; the model draws up to 34."""


@pytest.fixture
def file(tmp_path):
    write(tmp_path / "motif.pdb", [ITEM], ["motif"], {})
    return str(tmp_path / "motif.pdb")


def task_of(file, contigs="3-9,A8-14,3-9", **bounds):
    return motif_task(tiny_model(), TaskSettings(scaffold=file, contigs=contigs, bounds=bounds))


def items_of(task, rows=3, seed=0):
    with torch.inference_mode():
        return fitted().decode(task.draw(noise(rows, seed)))


def placed(item, motif):
    """Rows of the motif's residues, by their letters."""
    rows = [row for row, letter in enumerate(item.sequence) if letter != "X"]
    assert "".join(item.sequence[row] for row in rows) == motif.sequence
    return rows


@pytest.mark.parametrize("contigs", ["3-9,A8-14,3-9", "2-4,A20-24,5-12,A3-8", "A8-14,6", "6,A8-14", "5,A9,5-8"])
def test_draws_contain_the_motifs_atoms_and_letters(file, contigs):
    task = task_of(file, contigs)
    for item in items_of(task):
        rows = placed(item, task.motif)
        assert np.abs(item.coordinates[rows] - task.motif.coordinates).max() < 2e-3
        free = sorted(set(range(len(item))) - set(rows))
        assert np.isfinite(item.coordinates[free]).all()
        low, high = task.lengths.possible
        assert low <= len(item) <= high


@pytest.mark.parametrize("contigs", ["3-9,A8-14,3-9", "2-4,A20-24,5-12,A3-8", "5,A9,5-8"])
def test_a_column_says_where_the_motif_is(file, contigs):
    task = task_of(file, contigs)
    assert task.columns == ("motif_positions",)
    for item in items_of(task):
        parts = [part.partition("-") for part in task.cells(item)[0].split(",")]
        rows = [row for first, _, last in parts for row in range(int(first) - 1, int(last or first))]
        assert rows == placed(item, task.motif)


def test_draws_that_diverge_are_refused_and_change_no_other(file):
    """Guidance may amplify what a network that has learned little makes of its own errors."""
    task = replace(task_of(file), model=random_model(pulls=0.1))
    with torch.inference_mode():
        items = fitted().decode(task.draw(noise(8)))
        assert {type(one) for one in items} == {Backbone, Refusal}
    reasons = [one.reason for one in items if isinstance(one, Refusal)]
    assert all("no coordinates" in one or "from the origin" in one for one in reasons)


def test_the_neighbours_are_bonded_to_the_motif(file):
    """The model has learned nothing, so that only the fit can join them."""
    task = task_of(file, "3-5,A8-14,3-5")
    for item in items_of(task):
        rows = placed(item, task.motif)
        ends = item.coordinates[rows[0] - 1 : rows[-1] + 2].astype(float)
        assert np.linalg.norm(ends[1:, 0] - ends[:-1, 2], axis=-1)[[0, -1]] == pytest.approx(1.33, abs=0.15)
        assert np.linalg.norm(ends[1:, 1] - ends[:-1, 1], axis=-1)[[0, -1]] == pytest.approx(3.80, abs=0.2)


@pytest.mark.long
def test_the_same_noise_gives_the_same_draw_in_any_batch(file):
    task, rows = task_of(file), noise(3)
    with torch.inference_mode():
        together, alone = task.draw(rows), task.draw(rows[2:3])
    assert together.mask[2].sum() == alone.mask[0].sum()
    assert together["letter"][2].tolist() == alone["letter"][0].tolist()
    assert torch.allclose(together[TRACE][2], alone[TRACE][0], atol=0.05)  # rounding
    assert len({len(one) for one in items_of(task, 8)}) > 2


def test_the_total_length_is_as_asked(file):
    assert {len(item) for item in items_of(task_of(file, length=(18.5, 19.5)))} == {19}
    assert {len(item) for item in items_of(task_of(file, None, length=(33.5, 34.5)), 2)} == {34}
    assert all(18 <= len(item) <= 20 for item in items_of(task_of(file, length=(18, 20))))


def test_the_correction_gives_each_estimate_the_motifs_shape():
    """Whatever its frame, with a proper rotation; residues that aren't neighbours of it keep their numbers."""
    generator = torch.Generator().manual_seed(1)
    fixed = torch.zeros(2, 20, dtype=torch.bool)
    fixed[0, 5:9], fixed[1, 12:16] = True, True
    motif = torch.zeros(2, 20, 3, 3)
    motif[fixed] = torch.from_numpy(np.tile(ITEM.coordinates[3:7, :3], (2, 1, 1)))
    estimate = {name: torch.randn(2, 20, size, generator=generator) for name, size in ((TRACE, 3), (ATOMS, 6))}
    change = motif_correction(motif, fixed)(estimate)
    changed = Batch({name: estimate[name] + change[name] for name in estimate}, torch.ones(2, 20, dtype=torch.bool))
    for row, places in enumerate(places_of(changed)):
        found = places[fixed[row].numpy()].reshape(-1, 3)
        wanted = ITEM.coordinates[3:7, :3].reshape(-1, 3).astype(float)
        assert superposed(found, found, wanted) == pytest.approx(wanted, abs=2e-3)
        after = int(fixed[row].nonzero().max()) + 2
        assert change[TRACE][row, after:].abs().max() < 1e-4
    assert change[ATOMS][~fixed].abs().max() == 0
    again = motif_correction(motif, fixed)(changed.fields)
    assert max(float(one.abs().max()) for one in again.values()) < 1e-3 / BOND


@pytest.mark.parametrize(
    ("contigs", "bounds", "message"),
    [
        ("10-40,A8-14,20-40", {}, "`contigs` of at most 34 residues .*got at least 37"),
        ("3-9,A8-14,3-9", {"length": (29.5, 30.5)}, "designs of 13 to 25 residues and a length of 30"),
        ("3-9,A8-14,3-9", {"length": (10, 12)}, "a length of 10 to 12"),
        ("3-9,A8-14,3-9", {"length": (49.5, 50.5)}, "length of 10 to 34 residues, .*got 49.5 to 50.5"),
        ("A1-20", {}, "free residues to draw"),
        (None, {}, "a `scaffold` of at most 34"),
        ("1,A8-14,1", {}, "designs of 9 to 9"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(file, contigs, bounds, message):
    with pytest.raises(ConfigError, match=message):
        task_of(file, contigs, **bounds)

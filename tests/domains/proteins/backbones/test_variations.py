"""Variations of chains: near at low noise, far at high noise, of the same length."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.diffusion import LEVEL, variation_task
from sciencegen.domains.proteins.backbones.files import write
from sciencegen.domains.proteins.backbones.items import backbone, text
from sciencegen.domains.superposition import superposed
from sciencegen.errors import ConfigError, DataError
from tests.domains.proteins.backbones.examples import chains, helix
from tests.domains.proteins.backbones.tiny_model import fitted, noise, tiny_model


def task_of(vary, level=None, **bounds):
    return variation_task(tiny_model(), TaskSettings(vary=str(vary), noise_level=level, bounds=bounds))


def items_of(task, rows=3):
    with torch.inference_mode():
        return fitted().decode(task.draw(noise(rows)))


def rmsd(one, other):
    moved = superposed(one.trace.astype(float), one.trace.astype(float), other.trace.astype(float))
    return float(np.sqrt(np.square(moved - other.trace).sum(1).mean()))


@pytest.fixture
def file(tmp_path):
    write(tmp_path / "one.pdb", [chains()[2]], ["one"], {})
    return tmp_path / "one.pdb"


def test_the_noise_level_says_how_much_changes(file):
    item = chains()[2]
    near, middle, far = (
        np.mean([rmsd(one, item) for one in items_of(task_of(file, level))]) for level in (0.01, 0.2, 1.0)
    )
    assert near < 0.3
    assert 5 * near < middle < far / 2
    assert task_of(file).level == LEVEL


def test_each_draw_varies_one_of_the_items(tmp_path):
    write(tmp_path / "three.pdb", chains()[:3], ["a", "b", "c"], {})
    items = items_of(task_of(tmp_path / "three.pdb", 0.01), 12)
    assert {len(item) for item in items} == {20, 22, 24}
    assert all(rmsd(item, chains()[(len(item) - 20) // 2]) < 0.4 for item in items)
    only = items_of(task_of(f"{tmp_path / 'three.pdb'}[1]", 0.01))
    assert {len(item) for item in only} == {22}
    assert {len(item) for item in items_of(task_of(text(chains()[4]), 0.01))} == {28}


def test_the_same_noise_gives_the_same_draw(file):
    task = task_of(file)
    assert [text(one) for one in items_of(task)] == [text(one) for one in items_of(task)]
    assert len({text(one) for one in items_of(task)}) == 3


def test_assemblies_keep_their_symmetry_and_axis(tmp_path):
    item = backbone(helix(15) + np.array([9.0, 0, 0]), symmetry="C2")
    write(tmp_path / "two.pdb", [item], ["two"], {})
    for one in items_of(task_of(tmp_path / "two.pdb", 0.01)):
        assert one.symmetry == "C2"
        assert np.abs(one.trace - item.trace).max() < 1.0
    assert "C2" in {one.symmetry for one in items_of(task_of(tmp_path / "two.pdb", 1.0))}


def test_a_chain_shorter_than_those_of_training_may_be_varied(tmp_path):
    write(tmp_path / "x.pdb", [backbone(helix(12))], ["x"], {})
    assert {len(one) for one in items_of(task_of(tmp_path / "x.pdb"))} == {12}


def torn():
    places = helix(24)
    places[12:] += 9
    return backbone(places)


@pytest.mark.parametrize(
    ("make", "bounds", "error", "message"),
    [
        (lambda: [chains()[2]], {"length": (29.5, 30.5)}, ConfigError, "a chain of 24 residues and a length of 30"),
        (lambda: [backbone(helix(40))], {}, ConfigError, "at most 34 residues .* got one of 40. Pass a part"),
        (lambda: [torn()], {}, DataError, "got x: the chain breaks after residue 12"),
        (lambda: [replace(chains()[2], symmetry="C2")], {}, ConfigError, "at most 34 residues .* got one of 48"),
        (lambda: [backbone(helix(12)), backbone(helix(12), symmetry="C2")], {}, ConfigError, "of one symmetry"),
    ],
)
def test_what_cannot_be_varied_is_an_error(tmp_path, make, bounds, error, message):
    write(tmp_path / "x.pdb", items := make(), ["x"] * len(items), {})
    with pytest.raises(error, match=message):
        task_of(tmp_path / "x.pdb", **bounds)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none.pdb"):
        task_of(tmp_path / "none.pdb")


def test_an_item_that_cannot_be_read_is_an_error(tmp_path, file):
    (tmp_path / "wrong.pdb").write_text(file.read_text().replace("ITEM one", "ITEM one symmetry=D2"))
    with pytest.raises(DataError, match=r"can't be read: one: Expected a cyclic"):
        task_of(tmp_path / "wrong.pdb")

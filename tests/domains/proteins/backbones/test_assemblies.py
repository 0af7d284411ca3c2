"""Cyclic assemblies: exact copies, in memory and in files."""

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.files import chains_of, parse, read, write
from sciencegen.domains.proteins.backbones.geometry import assembly_clashes
from sciencegen.domains.proteins.backbones.items import (
    assembly,
    backbone,
    chain_names,
    copy_count,
    key,
    parse_text,
    rotations,
    text,
)
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import chains, helix, random_chain


def assembled(symmetry="C3", away=12.0):
    """A helix whose start lies at (away, 0, 0)."""
    return backbone(helix() + np.array([away, 0, 0]), symmetry=symmetry)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_rotations_are_a_group_about_the_z_axis(count):
    group = rotations(count)
    assert group[0] == pytest.approx(np.eye(3))
    assert np.linalg.matrix_power(group[1], count) == pytest.approx(np.eye(3))
    assert np.linalg.det(group) == pytest.approx(1)
    assert group[:, 2] == pytest.approx(np.tile([0, 0, 1], (count, 1)))
    assert group[1] @ group[1] == pytest.approx(group[2 % count])


def test_an_assembly_has_equal_chains_and_an_axis():
    copies = assembled().copies
    assert copies.shape == (3, 20, 4, 3)
    assert copies.mean(0)[..., :2] == pytest.approx(0, abs=1e-12)
    assert copies[2] == pytest.approx(copies[1] @ rotations(3)[1].T)
    alone = chains()[0]
    assert (alone.copies == alone.coordinates[None]).all()
    assert assembly(np.ones(3), "").tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("wrong", ["D3", "C1", "C25", "3", "C", "cyclic"])
def test_other_symmetries_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"cyclic `symmetry`, C2 to C24, got '{wrong}'"):
        copy_count(wrong)
    assert isinstance(backbone(helix(), symmetry=wrong), Refusal)


def test_text_and_key_hold_the_symmetry():
    item = assembled()
    again = parse_text(text(item))
    assert again.symmetry == "C3"
    assert (again.coordinates == item.coordinates).all()
    keys = {key(one) for one in (item, assembled("C2"), assembled(""), assembled(away=14))}
    assert len(keys) == 4


@pytest.mark.parametrize("name", ["a.pdb", "a.cif.gz"])
def test_files_have_all_chains_and_are_read_as_one_item(tmp_path, name):
    items = [assembled(), chains()[0], assembled("C2")]
    write(tmp_path / name, items, ["first", "second", "third"], {"length": np.array([20.0, 20.0, 20.0])})
    again = [parse(row.text) for row in read(tmp_path / name)]
    assert [one.symmetry for one in again] == ["C3", "", "C2"]
    for one, item in zip(again, items, strict=True):
        assert one.coordinates == pytest.approx(item.coordinates)
        assert one.chain == "A"
    if name == "a.pdb":
        lines = [line for line in (tmp_path / name).read_text().splitlines() if line.startswith("ATOM")]
        third = np.array([[float(line[30 + 8 * k : 38 + 8 * k]) for k in range(3)] for line in lines[160:240]])
        assert {line[21] for line in lines[160:240]} == {"C"}
        assert third == pytest.approx(items[0].copies[2].reshape(-1, 3), abs=6e-4)


def test_chains_have_names_of_their_own():
    assert chain_names("A", 3) == ["A", "B", "C"]
    assert chain_names("B", 3) == ["B", "A", "C"]
    assert len(set(chain_names("X", 24))) == 24
    assert [one.chain for one in chains_of(assembled())] == ["A", "B", "C"]


def test_clashes_between_chains_count():
    assert not assembly_clashes(assembled().copies)
    centred = helix() - helix()[:, 1].mean(0)
    assert not assembly_clashes(backbone(centred).copies)
    assert assembly_clashes(backbone(centred, symmetry="C2").copies)


def test_symmetries_of_other_kinds_are_named():
    with pytest.raises(ConfigError, match=r"got 'D2'\. Others, such as dihedral ones, can't be drawn"):
        copy_count("D2")


def test_copies_have_names_of_one_letter_in_pdb(tmp_path):
    write(tmp_path / "x.pdb", [replace(random_chain(0, 12), symmetry="C2", chain="AA")], ["x"], {})
    lines = (tmp_path / "x.pdb").read_text().splitlines()
    assert {line[21] for line in lines if line.startswith("ATOM")} == {"A", "B"}

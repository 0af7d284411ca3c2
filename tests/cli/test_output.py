"""Overwriting, refusals, and models of another kind."""

from __future__ import annotations

import errno
import io
import shutil
import sys

import pytest
import yaml

from sciencegen.cli.output import input_path
from sciencegen.errors import DataError


def test_an_existing_output_is_kept_without_force(cli, workspace, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    command = ("generate", "pointclouds", "-n", 2, "--model", workspace.model, "-o", "out.csv")
    assert cli(*command).code == 2
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert cli(*command, "--force").code == 0
    assert (tmp_path / "out.csv").read_text().startswith("item")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 99}, "newer"),
        ({"domain": "molecules"}, "molecules"),
        ({"recipe": "nonesuch"}, "autoencoder"),
        ({"settings": {"width": 17}}, "loaded"),
        ({"settings": {"widht": 64}}, "width"),
    ],
)
def test_incompatible_weights_are_4(cli, workspace, tmp_path, change, said):
    shutil.copytree(workspace.model, tmp_path / "other")
    config = yaml.safe_load((tmp_path / "other/config.yaml").read_text())
    if "settings" in change:
        (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(config | change))
        changed = cli("generate", "pointclouds", "-n", 2, "--model", "other")
        assert changed.code == 4
        assert "changed or damaged" in changed.err
        del config["sha256"]  # a folder without checksums, as version 0.1.0 wrote them
    (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(config | change))
    result = cli("generate", "pointclouds", "-n", 2, "--model", "other")
    assert result.code == 4
    assert said in result.err


def test_damaged_weights_are_4(cli, workspace, tmp_path):
    shutil.copytree(workspace.model, tmp_path / "cut")
    weights = tmp_path / "cut/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert cli("generate", "pointclouds", "-n", 2, "--model", "cut").code == 4


def test_refusals_of_an_earlier_run_do_not_stay(cli, workspace, tmp_path):
    good = (workspace.folder / "clouds.csv").read_bytes()
    assert cli("score", "pointclouds", "-", "-o", "s.csv", stdin=b"junk\n").code == 3
    assert (tmp_path / "s.csv.rejects.csv").exists()
    assert cli("score", "pointclouds", "-", "--format", ".csv", "-o", "s.csv", stdin=good).code == 0
    assert not (tmp_path / "s.csv.rejects.csv").exists()


def test_the_tables_that_generate_writes_are_read_from_a_pipe(cli, workspace):
    drawn = cli("generate", "pointclouds", "-n", 5, "--model", workspace.model)
    result = cli("score", "pointclouds", "-", "--with", "radius", stdin=drawn.out.encode())
    assert result.code == 0
    assert "scored 5  refused 0" in result.err


def test_standard_input_is_kept_in_a_file_by_its_first_line_while_it_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"item,y\nA,1\n")))
    seen = []
    with input_path("-", lambda first: seen.append(first) or ".csv") as path:
        assert path.name == "stdin.csv"
        assert path.read_bytes() == b"item,y\nA,1\n"
    assert seen == ["", "item,y\n"]
    assert not path.exists()


def test_an_input_of_the_wrong_kind_is_refused(tmp_path):
    for place, said in ((tmp_path / "none", "found none"), (tmp_path, "found a folder")):
        with pytest.raises(DataError, match=said), input_path(str(place), lambda first: ""):
            pass
    with input_path(str(tmp_path), lambda first: "", folders=True) as path:
        assert path == tmp_path


def test_a_file_without_permission_has_its_remedy(cli, tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "mine.fasta")

    (tmp_path / "mine.fasta").write_text(">a\nMKV\n")
    monkeypatch.setattr("sciencegen.cli.output.claim_output", refused)
    found = cli("score", "proteins", tmp_path / "mine.fasta", "--with", "length", "-o", tmp_path / "out.csv")
    assert found.code == 2
    assert "mine.fasta: Permission denied. Change its permissions, or choose another place." in found.err

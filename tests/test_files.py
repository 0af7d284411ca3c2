"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib

import pytest

from sciencegen.errors import ConfigError
from sciencegen.files import atomic_folder, atomic_write, check_writable, claim_output, sha256_of


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable(tmp_path / "new/folder/x.csv", "`output`")
    check_writable(tmp_path / "x.csv", "`output`")
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_leaves_the_old_one_and_no_part(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.write(b"bytes into text")
    assert path.read_text() == "old"
    with atomic_write(path) as file:
        file.write("new")
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["x.txt"]


def test_a_folder_that_fails_leaves_nothing_of_those_above_it(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "a/b") as folder:
        (folder / "none").unlink()
    assert not list(tmp_path.iterdir())


def test_the_checksum_of_a_folder_counts_names_and_content(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("y" if name == "c" else "x")).write_text("same")
    first, second, renamed = (sha256_of(tmp_path / name) for name in "abc")
    assert first == second != renamed
    assert sha256_of(tmp_path / "a/x") == hashlib.sha256(b"same").hexdigest()


def test_an_output_of_another_kind_is_refused_even_with_force(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        claim_output(str(tmp_path / "file"), True, folder=True)
    with pytest.raises(ConfigError, match="is a folder"):
        claim_output(str(tmp_path), True)
    with pytest.raises(ConfigError, match="Pass `force` to overwrite"):
        claim_output(str(tmp_path / "file"), False)

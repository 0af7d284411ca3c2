import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.files import atomic_folder
from sciencegen.runs import FORMAT_VERSION, RunFolder, atomic_write, check_format, provenance, run_name, sha256_of


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_write(path) as handle:
        handle.write("old\n")
        assert not path.exists()

    def fail():
        with atomic_write(path, "wb") as handle:
            handle.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old\n"
    assert os.listdir(path.parent) == ["file.txt"]


REWRITE = """
import sys
from sciencegen.runs import atomic_write
for letter in "ab" * 10**6:
    with atomic_write(sys.argv[1]) as handle:
        handle.write(letter * 200_000)
    print(letter, flush=True)
"""


@pytest.mark.parametrize("seen", [1, 2, 5])
def test_killed_at_any_time_the_file_is_the_old_or_the_new(tmp_path, seen):
    path = tmp_path / "file.txt"
    with subprocess.Popen([sys.executable, "-c", REWRITE, str(path)], stdout=subprocess.PIPE) as process:
        for _ in range(seen):
            process.stdout.readline()
        process.kill()
    assert path.read_text() in ("a" * 200_000, "b" * 200_000)


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with atomic_folder(path) as folder:
            (folder / "file").write_text(content)
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as folder:
        (folder / "file").write_text(str(1 / 0))
    assert (path / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["folder"]


def test_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class Config(BaseModel):
    steps: int = 3
    path: Path = Path("a/b")


def test_the_name_follows_from_the_config_alone():
    assert run_name({"a": 1, "b": (1, 2)}, "words") == run_name({"b": [1, 2], "a": 1}, "words")
    assert run_name({"a": 1}) != run_name({"a": 2})
    assert run_name(Config()) == run_name({"steps": 3, "path": "a/b"})
    assert run_name({"a": 1}, "words").startswith("words-")


def test_records_read_back(tmp_path):
    run = RunFolder(tmp_path / "run")
    value = {"b": np.float32(0.5), "a": [1, None], "c": np.arange(2), "nan": float("nan"), "config": Config()}
    plain = {"b": 0.5, "a": [1, None], "c": [0, 1], "nan": None, "config": {"steps": 3, "path": "a/b"}}
    run.write_json("m.json", value)
    run.write_yaml("c.yaml", value)
    assert run.read_json("m.json") == run.read_yaml("c.yaml") == plain
    assert run.has("m.json", "c.yaml")
    assert not run.has("m.json", "x")
    with pytest.raises(IncompatibleError, match="weights"):
        run.read_json("weights.json")
    run.write_text("bad.json", "{")
    with pytest.raises(IncompatibleError, match="Expected JSON"):
        run.read_json("bad.json")
    run.write_text("half.json", '{"name": "\\ud800"}')
    for read in (run.read_json, run.read_yaml):
        with pytest.raises(IncompatibleError, match=r"Expected .* in .*half.json, .* half a character"):
            read("half.json")
    with pytest.raises(DataError, match="sciencegen train"):
        RunFolder(tmp_path / "none", create=False)


def test_provenance_has_checksums_and_no_time(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    first = provenance(["sciencegen", "train"], 7, {"table": tmp_path / "abc"})
    assert first == provenance(["sciencegen", "train"], 7, {"table": tmp_path / "abc"})
    assert (first["seed"], first["inputs"]) == (7, {"table": sha256_of(tmp_path / "abc")})
    json.dumps(first)


@pytest.mark.parametrize("found", [None, "1", 0, 1.0, True])
def test_what_is_no_format(found):
    with pytest.raises(IncompatibleError, match="Expected a format version"):
        check_format(found, "card.yaml")


def test_a_newer_format_is_refused():
    assert check_format(FORMAT_VERSION, "x") == FORMAT_VERSION
    with pytest.raises(IncompatibleError, match="upgrade"):
        check_format(FORMAT_VERSION + 1, "x")


HOLD = """
import sys, time
from sciencegen.runs import RunFolder
with RunFolder(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def lock(path):
    with RunFolder(path).lock():
        return True


def test_a_living_owner_blocks_and_a_dead_one_does_not(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f'"pid": {process.pid}'):
            lock(tmp_path)
        process.kill()
    assert (tmp_path / ".lock").exists()
    assert lock(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_process_cannot_lock_twice(tmp_path):
    with RunFolder(tmp_path).lock():
        with pytest.raises(ConfigError, match="this very process"):
            lock(tmp_path)
        code = "import sys; from sciencegen.runs import RunFolder; RunFolder(sys.argv[1]).lock().__enter__()"
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
        assert "another process writes there" in other.stderr  # the refusal above didn't drop the lock
    assert lock(tmp_path)

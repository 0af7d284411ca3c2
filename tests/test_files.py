"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sciencegen import files
from sciencegen.api.campaign.history import read_measured
from sciencegen.api.models.completion import read_latents
from sciencegen.api.reports.campaign import CampaignReportSettings, read_campaign
from sciencegen.api.science import domain_of
from sciencegen.api.sources.tables import find_card
from sciencegen.config import RecordSettings, read_settings
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import (
    atomic_folder,
    atomic_write,
    check_rejects,
    check_writable,
    claim_output,
    files_below,
    last_line,
    sha256_of,
    temporary_sibling,
    turn_at,
)
from sciencegen.runs import RunFolder


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


@pytest.mark.parametrize("name", ["matplotlibrc", ".numba_config.yaml", ".NUMBA_config.yaml"])
def test_no_file_is_written_that_configures_a_library(tmp_path, name):
    """Names can come from files of others, such as the card of a dataset that is copied into the current folder."""
    with pytest.raises(ConfigError, match="which configures a library"), atomic_write(tmp_path / name):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_fails_leaves_nothing_of_those_above_it(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "a/b") as folder:
        (folder / "none").unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"one\ntwo\n\n", "two"),
        (b"x" * 99 + b"\n" + b"y" * 20, "y" * 8),
        (b"a\xff", "a\ufffd"),
    ],
)
def test_the_last_line_is_read_from_the_end(tmp_path, content, expected):
    (tmp_path / "log").write_bytes(content)
    assert last_line(tmp_path / "log", 8) == expected


def test_what_is_no_file_has_no_last_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert [last_line(tmp_path / name) for name in ("pipe", "nothing", ".")] == ["", "", ""]


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


KILLED = """
import os, signal, sys
from pathlib import Path
from sciencegen.files import atomic_folder, atomic_write
with (atomic_folder if sys.argv[2] == "folder" else atomic_write)(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_swept_by_the_next_one_that_writes_the_same(tmp_path, kind, monkeypatch):
    path = tmp_path / "x.csv"
    subprocess.run([sys.executable, "-c", KILLED, str(path), kind], check=False)
    (left,) = tmp_path.iterdir()
    alive, unknown = temporary_sibling(path), tmp_path / ".x.csv.notes.tmp"
    monkeypatch.setattr(socket, "gethostname", lambda: "another node")
    elsewhere = path.with_name(temporary_sibling(path).name.replace(str(os.getpid()), left.name.split(".")[3][:-13]))
    monkeypatch.undo()
    for other in (alive, unknown, elsewhere):
        other.touch()
    old = path.with_name(left.name[: -len("abcd01234567.tmp")] + "01234567.tmp")  # as version 0.1.0 named them
    old.touch() if kind == "file" else old.mkdir()
    with atomic_folder(path) if kind == "folder" else atomic_write(path):
        pass
    assert {one.name for one in tmp_path.iterdir()} == {"x.csv", alive.name, unknown.name, elsewhere.name}


TRYING = """
import os, signal, sys
from pathlib import Path
from sciencegen.files import check_writable
Path.touch = lambda self: os.kill(os.getpid(), signal.SIGKILL)
check_writable(sys.argv[1], "`output`")
"""


def test_what_a_killed_check_left_is_swept_by_the_next_one(tmp_path):
    path = tmp_path / "x.csv"
    subprocess.run([sys.executable, "-c", TRYING, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    check_writable(path, "`output`")
    assert list(tmp_path.iterdir()) == []


TURNS = """
import fcntl, sys
from pathlib import Path
from sciencegen.files import turn_at
fcntl.flock = lambda *_: None
place = Path(sys.argv[1])
for _ in range(200):
    with turn_at(place):
        place.write_text(str(int(place.read_text()) + 1))
"""


def test_turns_hold_between_processes_where_flock_does_nothing(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    words = [sys.executable, "-c", TURNS, str(counter)]
    for process in [subprocess.Popen(words) for _ in range(2)]:
        assert process.wait(60) == 0
    assert counter.read_text() == "400"
    assert [one.name for one in tmp_path.iterdir()] == ["counter"]


HOLDING = """
import sys, time
from pathlib import Path
from sciencegen.files import turn_at
with turn_at(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(20)
"""


@pytest.fixture
def held(tmp_path):
    """A file whose turn another process has."""
    place = tmp_path / "counter"
    words = [sys.executable, "-c", HOLDING, str(place)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield place, process
        process.kill()


def test_a_signal_ends_the_wait_for_a_turn_whatever_a_library_did_to_its_handler(held):
    place, _ = held

    def stop(*_):
        raise KeyboardInterrupt

    before, started = signal.signal(signal.SIGALRM, stop), time.monotonic()
    signal.siginterrupt(signal.SIGALRM, False)  # as RDKit does with SIGINT
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt), turn_at(place):
            pass
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 10


def test_a_process_that_waits_for_a_turn_says_so(held, monkeypatch):
    place, process = held
    monkeypatch.setattr(files, "PATIENCE_S", 0.1)
    threading.Timer(1.0, process.kill).start()
    with pytest.warns(UserWarning, match="waiting for another process that writes") as told, turn_at(place):
        pass
    assert [str(place) in str(one.message) for one in told] == [True]


def test_turns_hold_between_threads(tmp_path):
    counter = [0]

    def count(_):
        with turn_at(tmp_path / "counter"):
            before = counter[0]
            os.sched_yield()
            counter[0] = before + 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(200)))
    assert counter == [200]


def test_a_link_stays_one_and_its_target_is_written_with_its_permissions(tmp_path):
    target, link = tmp_path / "disk/x.csv", tmp_path / "x.csv"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    with turn_at(link), atomic_write(link) as file:
        assert [one.name for one in target.parent.iterdir() if one.suffix == ".lock"] == [".x.csv.lock"]
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["disk", "x.csv", "x.csv"]


def test_a_link_to_a_folder_stays_one(tmp_path):
    target, link = tmp_path / "disk", tmp_path / "data"
    target.mkdir()
    link.symlink_to(target)
    with atomic_folder(link) as folder:
        (folder / "x").touch()
    assert link.is_symlink()
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["data", "disk", "x"]


def _reads():
    """What reads a file of items, by name."""
    for name in ("molecules", "proteins", "pointclouds"):
        for ending in domain_of(name).items.formats:
            yield f"{name}{ending}", lambda path, name=name: list(domain_of(name).items.read(path, None))
    yield "measured.csv", lambda path: read_measured(domain_of("molecules"), path, "value", RecordSettings())
    yield "set", lambda path: find_card("molecules", str(path))
    yield "z.npz", lambda path: read_latents(path, 2)


def test_a_pipe_is_not_read(tmp_path):
    for number, (name, read) in enumerate(_reads()):
        folder = tmp_path / str(number)
        folder.mkdir()
        os.mkfifo(folder / name)
        with pytest.raises(SciencegenError, match="a device or a pipe"):
            read(folder / name)


def test_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for refuse in (lambda path: atomic_write(path).__enter__(), lambda path: check_writable(path, "`journal`")):
        with pytest.raises(ConfigError, match="device or a pipe"):
            refuse(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("below", ["x.csv", "more/x.csv", "a/b/x.csv"])
@pytest.mark.parametrize("target", ["real", "real/deep", "second"])
def test_a_link_to_a_folder_that_is_not_there_yet_is_followed(tmp_path, target, below):
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "second").symlink_to(tmp_path / "third")
    path = tmp_path / "link" / below
    check_writable(path, "`output`")
    with atomic_write(path) as file:
        file.write("x")
    assert (path.read_text(), (tmp_path / "link").is_symlink()) == ("x", True)


@pytest.mark.parametrize("below", ["x.csv", "more/x.csv"])
def test_a_link_to_itself_is_no_folder(tmp_path, below):
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(ConfigError, match=r"Expected a folder at .*link, found a link to itself"):
        check_writable(tmp_path / "link" / below, "`output`")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_removed_as_a_table_of_refused_rows(tmp_path, make):
    make(tmp_path / "x.csv.rejects.csv")
    with pytest.raises(ConfigError, match="Rename it"):
        claim_output(str(tmp_path / "x.csv"), True)
    assert os.listdir(tmp_path) == ["x.csv.rejects.csv"]


@pytest.mark.parametrize("content", ["smiles,value\nCCO,1\n", "line,item,reason\n2,CCO,mended\n"])
def test_an_input_is_not_removed_as_a_table_of_refused_rows(tmp_path, content):
    output = str(tmp_path / "x.csv")
    source = tmp_path / "x.csv.rejects.csv"
    source.write_text(content)
    with pytest.raises(ConfigError, match="Rename it"):
        claim_output(output, True, inputs=[None, "-", str(source)])
    assert source.read_text() == content


def test_only_tables_of_refused_rows_are_removed(tmp_path):
    output = str(tmp_path / "x.csv")
    source = tmp_path / "x.csv.rejects.csv"
    source.write_text("smiles,value\nCCO,1\n")
    with pytest.raises(ConfigError, match="found another file"):
        check_rejects(output)
    source.write_text("line,item,reason\n2,C(,not valid\n")
    claim_output(output, False)
    assert not source.exists()


@pytest.fixture(params=["pipe", "/dev/zero", "/proc/self/mem"])
def endless(request, tmp_path):
    """A function that makes a path with a name, at which reading never ends or fails."""

    def make(name):
        path = tmp_path / name
        os.mkfifo(path) if request.param == "pipe" else path.symlink_to(request.param)
        return path

    return make


def read_rows(domain, path):
    return list(domain_of(domain).items.read(path, None))


READERS = {
    "a.smi": lambda path: read_rows("molecules", path),
    "a.csv": lambda path: read_rows("molecules", path),
    "a.parquet": lambda path: read_rows("proteins", path),
    "a.sdf": lambda path: read_rows("molecules/structures", path),
    "a.fasta": lambda path: read_rows("proteins", path),
    "a.pdb": lambda path: read_rows("proteins/structures", path),
    "a.a2m": lambda path: read_rows("proteins/aligned", path),
    "a.fits": lambda path: read_rows("galaxies", path),
    "b.csv": lambda path: read_campaign(path, CampaignReportSettings("molecules", "value")),
    "a.yaml": lambda path: read_settings(f"@{path}"),
    "start.smi": lambda path: domain_of("molecules").items.texts_in(str(path)),
    "folder": lambda path: RunFolder(path, create=False),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_regular_file_is_refused_and_named(name, endless):
    path = endless(name)
    with pytest.raises(SciencegenError, match=name) as refused:
        READERS[name](path)
    assert "found nothing" not in str(refused.value)


def test_settings_are_read_from_a_pipe_that_a_shell_opened():
    words = "import sys; from sciencegen.config import read_settings; print(read_settings('@' + sys.argv[1]))"
    for command in ('echo "a: 1" | "$0" -c "$1" /dev/stdin', '"$0" -c "$1" <(echo "a: 1")'):
        done = subprocess.run(
            ["bash", "-c", command, sys.executable, words], capture_output=True, text=True, check=True
        )
        assert done.stdout == "{'a': 1}\n"


def nested(folder, levels):
    """Folders in folders with a file, made step by step: the path may be longer than the system takes."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    with open(os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=here), "w") as file:
        file.write("deep")
    os.close(here)


@pytest.mark.parametrize("levels", [300, 1500, 5000])
def test_an_output_in_too_many_folders_is_refused(tmp_path, levels):
    path = tmp_path / "d/" / "d/".join([""] * levels) / "x.csv"
    for use in (lambda: claim_output(str(path), False), lambda: check_writable(path, "`journal`"), lambda: write(path)):
        with pytest.raises(ConfigError, match=r"at most 200 folders, got .*/\.\.\./"):
            use()
    assert not list(tmp_path.iterdir())


def write(path):
    with atomic_write(path):
        pass


def test_files_in_deep_folders_are_found_and_links_are_not_followed(tmp_path):
    nested(tmp_path, 1100)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "y").touch()
    assert {one.name for one in files_below(tmp_path)} == {"x", "y"}
    assert len(sha256_of(tmp_path)) == 64
    subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # pytest's own removal is recursive

"""Damage of files: any exception becomes an error that names the file."""

import gzip
import tracemalloc

import numpy as np
import pytest

from sciencegen.api.science import domain_of
from sciencegen.data.damage import MOST_UNPACKED, SMALL, check_claim, check_part, open_binary, reading
from sciencegen.data.tables import read_table
from sciencegen.errors import ConfigError, DataError


@pytest.mark.parametrize("error", [MemoryError(), OverflowError("x"), StopIteration(), RecursionError("x"), EOFError()])
def test_any_exception_is_an_error_with_the_file_and_a_reason(error):
    with (
        pytest.raises(DataError, match=r"Expected a table in t\.csv, .* can't be read: (x|[A-Z]\w+)\."),
        reading("a table", "t.csv"),
    ):
        raise error


def test_errors_of_this_package_and_interruptions_pass():
    for error in (ConfigError("x"), KeyboardInterrupt()):
        with pytest.raises(type(error)), reading("a table", "t.csv"):
            raise error


def test_lines_before_the_damage_are_read_and_counted(tmp_path):
    lines = [f"{number}\n".encode() for number in np.random.default_rng(0).integers(10**9, size=50_000)]
    packed = gzip.compress(b"".join(lines), mtime=0)
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    read = []
    with open_binary(tmp_path / "a.gz") as stream, pytest.raises(DataError, match="lines are whole") as caught:
        read.extend(iter(stream.readline, b""))
    whole = int(str(caught.value).split("of which ")[1].split()[0])
    assert 20_000 < len(read) <= whole < 30_000
    assert read == lines[: len(read)]


def test_two_members_and_an_empty_one_are_read(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n"))
    with open_binary(tmp_path / "a.gz") as stream:
        assert stream.read() == b"a\nb\n"


def test_claims_are_held_against_the_file():
    check_claim("a", 10, SMALL, 10)
    check_claim("a", 10**6, MOST_UNPACKED * 10**6, 10**6)
    for claim in ((11, 1, 10), (1, SMALL + 1, 10), (10**6, MOST_UNPACKED * 10**6 + 1, 10**6)):
        with pytest.raises(DataError, match="claim"):
            check_claim("a", *claim)
    with pytest.raises(DataError, match="smaller chunks"):
        check_part("a", 1 << 31)


def gzipped(path, line, times):
    with gzip.open(path, "wb", 9) as file:
        for _ in range(times):
            file.write(line)
    return path


def peak_while(read):
    """The largest memory of Python objects meanwhile, in MiB."""
    tracemalloc.start()
    try:
        read()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak / 2**20


@pytest.mark.parametrize("name", ["t.csv.gz", "t.smi.gz", "t.sdf.gz", "t.fasta.gz", "t.txt.gz"])
def test_a_line_without_end_is_refused_before_it_is_held(tmp_path, name):
    path = gzipped(tmp_path / name, b">" * (1 << 20), 30)
    domain = domain_of("molecules" if name in ("t.csv.gz", "t.smi.gz", "t.sdf.gz") else "proteins")

    def read():
        with pytest.raises(
            DataError, match=r"Expected lines of at most 16 MiB in .*, found a longer one, number 1: .*"
        ):
            for _ in domain.items.read(path):
                pass

    assert peak_while(read) < 80


def test_a_packed_file_stands_for_so_much_and_no_more(tmp_path):
    path, read = gzipped(tmp_path / "t.csv.gz", b"item\n" * (1 << 17), 52), []

    def read_all(path):
        with open_binary(path) as file:
            read.extend(map(len, iter(lambda: file.read(1 << 16), b"")))

    with pytest.raises(DataError, match=r"at most 100 times its bytes, or 32 MiB, .* gunzip it, and pass the unpacked"):
        read_all(path)
    assert 30 << 20 < sum(read) <= 32 << 20
    read.clear()
    (tmp_path / "t.csv").write_bytes(gzip.decompress(path.read_bytes()))
    read_all(tmp_path / "t.csv")
    assert sum(read) == 52 * 5 << 17


@pytest.mark.parametrize("letters", [35_000, 1_000_000])
def test_long_cells_are_whole(tmp_path, letters):
    """A large protein, the text of a crystal's structure."""
    cell = "loop_\n" * (letters // 6000) + "A" * letters
    (tmp_path / "t.csv").write_text(f'item,x\n"{cell}",1\n')
    (row,) = read_table(tmp_path / "t.csv", ["item"])
    assert row.text == cell

"""Damage of files: any exception becomes an error that names the file."""

import gzip

import numpy as np
import pytest

from sciencegen.data.damage import MOST_UNPACKED, SMALL, check_claim, check_part, open_binary, reading
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

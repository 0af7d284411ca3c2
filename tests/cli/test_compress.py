"""`sciencegen compress` and `decompress` on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

STAMPS = np.rint(np.random.default_rng(0).normal(0, 12, (20, 24, 24))).astype(np.int16)


def test_there_and_back(cli, tmp_path):
    np.save(tmp_path / "a.npy", STAMPS)
    packed, back = tmp_path / "a.sgc", tmp_path / "b.npy"
    summary = json.loads(cli("compress", "galaxies", tmp_path / "a.npy", "-o", packed, "--threads", 1, "--json").out)
    assert summary["bytes_after"] == packed.stat().st_size < summary["bytes_before"]
    assert 0 < summary["bits_over_noise"] < 1
    cli("decompress", "galaxies", packed, "-o", back, "--threads", 1)
    assert back.read_bytes() == (tmp_path / "a.npy").read_bytes()


@pytest.mark.parametrize("partial", [False, True])
def test_damage(cli, tmp_path, partial):
    np.save(tmp_path / "a.npy", STAMPS)
    packed, back = tmp_path / "a.sgc", tmp_path / "b.npy"
    cli("compress", "galaxies", tmp_path / "a.npy", "-o", packed, "--threads", 1)
    packed.write_bytes(packed.read_bytes()[:-200])
    flags = ["--partial"] if partial else []
    found = cli("decompress", "galaxies", packed, "-o", back, "--threads", 1, *flags)
    assert found.code == (0 if partial else 3)
    assert ("lost: chunk 1 of 1" if partial else "--partial") in found.err
    assert back.exists() == partial

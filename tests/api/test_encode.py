"""Latents in files, and the output for texts that can't be decoded."""

import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.encode import Decoded, read_latents, summary_of, write_encoded
from sciencegen.api.models.encoding import Encoded
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Origin

FOUND = Encoded(np.ones((1, 2), np.float32), np.array([1]), ["CCO"], [""], [(1, "junk", "no item")])


def test_latents_and_refusals_stand_beside_each_other(tmp_path):
    output = tmp_path / "z.npz"
    write_encoded("molecules", str(output), FOUND)
    assert summary_of(FOUND) == {"encoded": 1, "refused": 1}
    with np.load(output) as arrays:
        assert arrays["latent"].tolist() == [[1.0, 1.0]]
        assert arrays["index"].tolist() == [1]
    assert pd.read_csv(f"{output}.rejects.csv")["line"].tolist() == [1]
    with pytest.raises(ConfigError, match=r"ends in \.npz"):
        write_encoded("molecules", "z.csv", SimpleNamespace())


def test_a_latent_that_stands_for_nothing_keeps_its_line(tmp_path):
    decoded = Decoded("molecules", ["CCO", "", "C"], [(2, "", "no molecule")], Origin("decode"))
    assert decoded.summary == {"decoded": 2, "refused": 1}
    decoded.write(str(tmp_path / "x.smi"))
    assert (tmp_path / "x.smi").read_text().split("\n")[:3] == ["CCO", "", "C"]


@pytest.mark.parametrize("member", ["latent", "latent.npy"])
def test_a_member_that_is_no_array_is_an_error(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        archive.writestr(member, b"text")
    with pytest.raises(DataError, match=r"z\.npz"):
        read_latents(tmp_path / "z.npz", 2)


@pytest.mark.parametrize("largest", [1e30, 1e39, 1e300, np.inf, np.nan])
def test_latents_are_finite_in_single_precision(tmp_path, largest):
    np.savez(tmp_path / "z.npz", latent=np.array([[0.5, largest]]))
    if largest < float(np.finfo(np.float32).max):
        assert np.isfinite(read_latents(tmp_path / "z.npz", 2)).all()
    else:
        with pytest.raises(DataError, match="Expected finite numbers"):
            read_latents(tmp_path / "z.npz", 2)


@pytest.mark.parametrize("content", [b"", b"item\nCCO\n", b"\x80\x04N.", b"\x93NUMPX", b"P"])
def test_no_other_file_is_taken_for_a_pickle(tmp_path, content):
    (tmp_path / "z.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"neither \.npy nor \.npz"):
        read_latents(tmp_path / "z.npz", 2)

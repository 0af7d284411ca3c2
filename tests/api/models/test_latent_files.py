"""Files of latents hold finite numbers in arrays, and nothing else is opened."""

import zipfile

import numpy as np
import pytest

from sciencegen.api.models.completion import read_latents
from sciencegen.errors import DataError


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

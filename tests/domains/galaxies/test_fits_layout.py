"""FITS files whose bytes do not reach as far as their headers say."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from sciencegen.domains.galaxies.fits import RECORD, first_bytes, read_layout


@pytest.fixture
def content(tmp_path):
    images = [fits.ImageHDU(np.ones((20, 20), np.float32)) for _ in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "whole.fits")
    return (tmp_path / "whole.fits").read_bytes()


def test_a_whole_file_has_the_extents_of_its_headers(tmp_path, content):
    extents, problem = read_layout(tmp_path / "whole.fits")
    assert problem == ""
    assert [one.announced for one in extents] == [0, 1600, 1600]
    assert all(one.present == one.announced for one in extents)
    assert first_bytes(tmp_path / "whole.fits", 6) == b"SIMPLE"


@pytest.mark.parametrize("packed", [False, True])
def test_every_cut_inside_an_hdu_is_found(tmp_path, content, packed):
    path = tmp_path / "cut.fits"
    for extent in read_layout(tmp_path / "whole.fits")[0][1:]:
        for size in range(extent.start, extent.start + extent.announced, 397):
            path.write_bytes(gzip.compress(content[:size], mtime=0) if packed else content[:size])
            assert "cut short" in read_layout(path)[1]


def test_a_gzip_without_its_trailer_is_damaged(tmp_path, content):
    path = tmp_path / "cut.fits.gz"
    path.write_bytes(gzip.compress(content, mtime=0)[:-4])
    assert "damaged" in read_layout(path)[1]


def test_endless_padding_is_told(tmp_path, content):
    """astropy takes minutes for it, and a packed file of a few kilobytes may hold gigabytes of it."""
    path = tmp_path / "padded.fits"
    path.write_bytes(content + bytes(10 * RECORD))
    assert read_layout(path)[1] == ""
    with path.open("r+b") as handle:
        handle.truncate(1 << 33)
    assert "blanks after 3 HDUs" in read_layout(path)[1]


def test_other_files_and_trailing_bytes_are_told(tmp_path, content):
    path = tmp_path / "odd.fits"
    path.write_bytes(b"GIF89a" + bytes(4000))
    assert "no card SIMPLE" in read_layout(path)[1]
    path.write_bytes(content + b"x" * RECORD)
    assert "something else than an HDU" in read_layout(path)[1]
    path.write_bytes(content + bytes(RECORD))
    assert read_layout(path)[1] == ""

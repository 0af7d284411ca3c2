"""What is told beside a file, and which files it is told of."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains.galaxies import cubes as fits_writing
from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.headers import changed_at, told_beside
from sciencegen.domains.galaxies.items import key, standardize
from sciencegen.errors import ConfigError
from tests.domains.galaxies.examples import sersic, stamp


def told(folder: Path, text: str) -> dict:
    (folder / "stamps.yaml").write_text(text)
    (folder / "a.npz").touch()
    return dict(told_beside(folder / "a.npz"))


def test_the_file_s_own_yaml_comes_first(tmp_path: Path) -> None:
    assert told(tmp_path, "pixel_scale: 0.2\nuse: [r]\nresample: {side: 64}") == {
        "pixel_scale": 0.2, "use": ["r"], "resample": {"side": 64},
    }  # fmt: skip
    before = changed_at(tmp_path / "a.npz")
    (tmp_path / "a.npz.yaml").write_text("pixel_scale: 0.3")
    assert dict(told_beside(tmp_path / "a.npz")) == {"pixel_scale": 0.3}
    assert changed_at(tmp_path / "a.npz") != before


def test_files_that_this_program_wrote_lack_nothing(tmp_path: Path) -> None:
    """What is told of a survey's image isn't applied again to what was cut out of it."""
    one = standardize(stamp(sersic(1, 4)))
    fits_writing.write_fits(tmp_path / "a.fits", [one], ["1"], {})
    (tmp_path / "stamps.yaml").write_text("zero_point: 0\npixel_scale: 0.5\n")
    assert key(parse(str(tmp_path / "a.fits"))) == key(one)


@pytest.mark.parametrize(
    "text",
    [
        "resample: 64",
        "resample: {side: x}",
        "resample: {width: 3}",
        "use: 3",
        "sky: 3",
        "mask: [a]",
        "zero_point: [a]",
        "sides: 3",
    ],
)
def test_wrong_values_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=text.partition(":")[0]):
        told(tmp_path, text)


def test_an_impossible_side_is_an_error_of_the_stamp(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.ones((2, 16, 16)) * np.eye(16))
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.2\nresample: {side: 4}")
    assert "pixels on a side" in parse(f"{tmp_path / 'a.npz'}[0]").reason


def test_another_file_with_the_time_of_the_first_is_read_anew(tmp_path: Path) -> None:
    """Archives keep times, and clocks go back."""
    path, first, second = tmp_path / "a.fits", *(standardize(stamp(sersic(1, size))) for size in (4, 5))
    for one in (first, second):
        fits_writing.write_fits(path, [one], ["1"], {})
        os.utime(path, (0, 0))
        assert key(parse(str(path))) == key(one)

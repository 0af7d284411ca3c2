"""The provenance of items has public names only."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

from sciencegen.api.models.folder import CONFIG, WEIGHTS, pretrained_root
from sciencegen.api.writing.output_record import LONGEST, Criteria, origin_of, origin_of_given, plain_path
from sciencegen.files import sha256_of
from sciencegen.items import Origin

SHIPPED = pretrained_root() / "galaxies"


def folder_of(path, weights: bytes | None = None):
    path.mkdir(parents=True)
    shutil.copy(SHIPPED / CONFIG, path / CONFIG)
    (path / WEIGHTS).write_bytes((SHIPPED / WEIGHTS).read_bytes() if weights is None else weights)
    return path


def loaded(folder: Path):
    """What the origin takes of a loaded model."""
    return SimpleNamespace(folder=folder, sha256={WEIGHTS: sha256_of(folder / WEIGHTS)})


def test_shipped_weights_have_their_name_wherever_they_were_copied_to(tmp_path):
    digest = sha256_of(SHIPPED / WEIGHTS)
    expected = Origin("generate", "galaxies", digest, 3, ("gini=0.5", "noise-free", "keep a", "forbid b"))
    for folder in (SHIPPED, folder_of(tmp_path / "results/model")):
        criteria = Criteria(["gini=0.5", "noise-free"], keep=["a"], forbid=["b"])
        made = origin_of("generate", loaded(folder), criteria, seed=3)
        assert made == expected


def test_weights_of_ones_own_are_named_by_their_folder_and_known_by_their_sum(tmp_path, monkeypatch):
    folder = folder_of(tmp_path / "runs/mine", b"other")
    monkeypatch.chdir(folder)
    for place in (folder, Path(".")):
        made = origin_of("optimize", loaded(place), Criteria())
        assert (made.model, made.weights) == ("runs/mine", sha256_of(folder / WEIGHTS))


def test_what_was_given_may_have_been_observed_and_long_texts_are_cut(tmp_path, monkeypatch):
    made = origin_of_given("score", ["of in.fits", "x" * 999])
    assert not made.made
    assert made.asked == ("of in.fits", "x" * LONGEST + "...")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seen.fits").touch()
    for start in ("seen.fits[2]", str(tmp_path / "seen.fits[2]")):
        begun = origin_of("optimize", loaded(SHIPPED), Criteria(["gini >= 0.5"], start=[start]))
        assert not begun.made  # the start may be among what is found
        assert begun.asked == ("gini >= 0.5", "from seen.fits[2]")
    assert plain_path("F/C=C/F") == "F/C=C/F"

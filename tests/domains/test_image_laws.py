"""A domain that breaks a law of its image files is told so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains.capabilities import CodedFiles, Cutouts
from sciencegen.domains.checks import cuts_of_nothing, lossy_parts
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.laws import Subject
from sciencegen.errors import DataError

STAMPS = [Stamp.of(np.random.default_rng(seed).normal(size=(16, 16)), 0.2, 1.0) for seed in range(2)]


def subject(**parts: object) -> Subject:
    return Subject(replace(DOMAIN, **parts), tuple(DOMAIN.items.text(one) for one in STAMPS))


def test_the_domain_keeps_them() -> None:
    assert lossy_parts.breach(subject()) == cuts_of_nothing.breach(subject()) == ""
    assert lossy_parts.breach(subject(coded_files=None)) == cuts_of_nothing.breach(subject(cutouts=None)) == ""


@pytest.mark.parametrize("parts", [lambda path: iter([path.read_bytes()[:-1]]), lambda path: iter([b"x"])])
def test_lost_bytes_are_found(parts) -> None:
    assert ".fits file" in lossy_parts.breach(subject(coded_files=CodedFiles(formats=(".fits",), parts=parts)))


def test_parts_that_fail_are_an_error() -> None:
    def parts(path: Path):
        raise DataError("no parts")
        yield b""

    with pytest.raises(DataError, match="no parts"):
        lossy_parts.breach(subject(coded_files=CodedFiles(formats=(".fits",), parts=parts)))


def test_a_generator_that_opens_nothing_is_found() -> None:
    def cut(image: Path, catalogue: Path, settings: object):
        yield from ()

    assert "doesn't exist" in cuts_of_nothing.breach(subject(cutouts=Cutouts(formats=(".fits",), cut=cut)))

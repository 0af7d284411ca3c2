"""Inputs that once made something fail: `keep` wrote each, and `wrong` tells what it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.supervision import kept, replay

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


@pytest.mark.parametrize("place", CORPUS, ids=lambda place: place.stem)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.long
def test_what_once_failed_is_mended(place):
    assert kept(place)[2], "what was wrong"
    assert not replay(place).wrong

"""Design rounds in a domain: features of aligned sequences, and the domain's own design space."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pointclouds import DOMAIN

from sciencegen.api.campaign.candidates import edit_features, features_for, marks_for
from sciencegen.api.propose import propose
from sciencegen.domains import load_domain
from sciencegen.domains.base import Regression
from sciencegen.domains.capabilities import Design
from sciencegen.optimization.feature_rows import SiteRows


def laid_out(words, reference=None):
    if any(len(word) != len(reference) for word in words):
        return None
    return SiteRows(np.array([[ord(letter) - ord("a") for letter in word] for word in words], np.uint8), np.eye(4))


LENGTHS = Regression(features=lambda words: np.array([[len(word)] for word in words]))
WORDS = SimpleNamespace(regression=LENGTHS, design=Design(space=lambda measured=(), **options: None, features=laid_out))


def test_sequences_of_one_length_are_seen_site_by_site():
    features, unlike = features_for(WORDS, None, ["abc", "abd"], None)
    assert features(["bbb"]).codes.tolist() == [[1, 1, 1]]
    assert unlike("cab") is None
    assert unlike("ab") == "another length"


def test_others_are_seen_by_the_domains_features():
    plain = SimpleNamespace(regression=LENGTHS, design=None)
    for seen, science in ((["abc", "ab"], WORDS), (["abc"], plain), ([], WORDS)):
        features, unlike = features_for(science, None, seen, None)
        assert features(["abcd"]).tolist() == [[4]]
        assert unlike("anything") is None


def test_sequences_with_insertions_are_seen_by_their_edits():
    """Of one length, with all residues after an insertion shifted; substitutions stay residue by residue."""
    proteins, wild = load_domain("proteins"), "MKTAYIAKQRQISFVKSHFSRQ"
    inserted = [wild[:place] + "G" + wild[place:] for place in range(len(wild))]
    features, unlike = features_for(proteins, None, inserted, edit_features(proteins, None, inserted))
    assert unlike(wild) is None
    assert unlike(wild * 2) == "44 residues, expected 2 to 42"
    assert unlike("W" * 23).startswith("0% of the residues of the sequence it is compared with, expected 40%")
    assert isinstance(features(inserted), np.ndarray)
    substituted = [wild[:place] + "G" + wild[place + 1 :] for place in range(len(wild))]
    assert edit_features(proteins, wild, substituted) is None
    assert isinstance(features_for(proteins, wild, substituted, None)[0](substituted), SiteRows)


@pytest.fixture
def corners(monkeypatch):
    """A design space of the toy domain: clouds whose points lie on the corners of a square."""
    corner = ("0 0", "0 1", "1 0", "1 1")

    class Corners:
        def __init__(self, highest: float = 1.0) -> None:
            self.highest = highest

        origin = reference = None
        notes = ()

        def mutate(self, cloud, generator):
            return DOMAIN.moves.mutate(cloud, generator)

        def accepts(self, cloud):
            return cloud.max() <= self.highest and set(np.unique(cloud)) <= {0.0, 1.0}

        def everything(self, limit):
            clouds = [DOMAIN.items.parse(";".join(points)) for points in itertools.product(corner, repeat=5)]
            return clouds if len(clouds) <= limit else None

    design = Design(
        space=lambda measured=(), **options: Corners(**options),
        options=("highest",),
    )
    monkeypatch.setitem(vars(load_domain("pointclouds")), "design", design)


def test_a_small_design_space_is_looked_at_whole(corners, tmp_path):
    items = [
        ";".join(points) for points in (("0 0",) * 5, ("0 1",) * 5, ("0 0", "0 1", "0 1", "0 0", "0 0"), ("1 0",) * 5)
    ]
    path = tmp_path / "round1.csv"
    heights = DOMAIN.measure([DOMAIN.items.parse(text) for text in items], ["height"])[:, 0]
    pd.DataFrame({"item": items, "value": heights}).to_csv(path, index=False)
    options = dict(batch=10, threads=1, surrogate="gp", scale="linear", space={"highest": 1.0}, acquisition="greedy")
    proposed = propose("pointclouds", str(path), **options)
    table = proposed.table
    found = DOMAIN.measure([DOMAIN.items.parse(text) for text in table["item"]], ["height"])[:, 0]
    assert set(table["source"]) == {"pool"}
    assert not set(table["item"]) & set(items)
    assert proposed.summary["candidates"] == 4**5 - 4
    assert found.mean() > 0.6


def test_the_share_of_a_plate_is_that_of_scaffolds_and_of_ring_patterns():
    """Sulfonamides of several rings are one series; single rings and molecules without rings are of none."""
    molecules = load_domain("molecules")
    sulfonamides = ["O=S(=O)(Nc1ccccc1)c1ccccc1", "O=S(=O)(Nc1ccncc1)c1cccs1"]
    items = [molecules.items.parse(text) for text in (*sulfonamides, "Cc1ccccc1", "CCO")]
    marks = marks_for(molecules, None, 0.25)
    assert marks is not None
    first, second, toluene, ethanol = (dict(one) for one in marks(items))
    assert first["group"] != second["group"]
    assert first["series"] == second["series"]
    assert toluene.keys() == {"group"}
    assert not ethanol
    assert marks_for(molecules, None, 1) is None

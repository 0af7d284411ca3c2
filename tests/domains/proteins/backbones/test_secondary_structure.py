"""Helices and strands by hydrogen bonds, against ideal geometry and against DSSP."""

import numpy as np

from sciencegen.domains.proteins.backbones.secondary_structure import hydrogen_bonds, secondary_structure
from tests.domains.proteins.backbones.examples import HELIX, STRAND, built, needs_backbones
from tests.domains.proteins.backbones.real import known_structure

LETTERS = {"H": "H", "G": "H", "I": "H", "E": "E", "B": "E"}


def test_an_ideal_helix_has_bonds_from_each_residue_to_the_fourth():
    item = built([HELIX] * 20)
    assert secondary_structure(item.coordinates) == "C" + "H" * 18 + "C"
    carbonyl, amide = np.nonzero(hydrogen_bonds(item.coordinates))
    assert set((amide - carbonyl).tolist()) == {4}
    assert len(carbonyl) == 16


def test_a_lone_strand_and_a_short_chain_are_coil():
    assert secondary_structure(built([STRAND] * 12).coordinates) == "C" * 12
    assert secondary_structure(built([HELIX] * 10).coordinates[:3]) == "CCC"


@needs_backbones
def test_letters_agree_with_dssp():
    counts = np.zeros((3, 3))
    for places, letters in known_structure(24):
        found = secondary_structure(places)
        for one, other in zip(found, letters, strict=True):
            counts["HEC".index(one), "HEC".index(LETTERS.get(other, "C"))] += 1
    assert np.trace(counts) / counts.sum() > 0.95
    assert counts[0, 1] + counts[1, 0] < 5
    shares = counts.sum(1) / counts.sum() - counts.sum(0) / counts.sum()
    assert np.abs(shares).max() < 0.04  # residues of bulges are no strand here

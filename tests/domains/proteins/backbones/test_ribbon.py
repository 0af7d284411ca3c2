"""Ribbons: what they follow, where their width lies, and how they turn with the chain."""

from itertools import pairwise

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import COIL, HELIX, STRAND, secondary_structure
from sciencegen.domains.proteins.backbones.render import HALF_WIDTH, HEAD_WIDTH, TIP_WIDTH, drawn_runs, ribbon
from tests.domains.proteins.backbones.examples import helix, moved, random_backbone
from tests.domains.proteins.backbones.real import committed


def joined(pieces, name):
    return np.concatenate([getattr(piece, name) for piece in pieces])


@pytest.mark.parametrize("structure", ["", "-", "HHH", "EE", "--HHHHEEEE-H-EEE", "HHHHEE--E"])
def test_runs_cover_each_residue_once_and_short_ones_are_coil(structure):
    runs = drawn_runs(structure)
    letters = "".join(run.state * (run.stop - run.start) for run in runs)
    assert [run.start for run in runs] == [0, *(run.stop for run in runs)][: len(runs)]
    assert len(letters) == len(structure)
    assert all(one in (other, COIL) for one, other in zip(letters, structure, strict=True))
    assert all(run.stop - run.start >= 3 for run in runs if run.state != COIL)
    assert all(one.state != other.state for one, other in pairwise(runs))


@pytest.mark.parametrize("size", [2, 3, 10, 57])
def test_the_ribbon_is_one_line_from_the_first_to_the_last_alpha_carbon(size):
    places = random_backbone(size)
    pieces = list(ribbon(places))
    np.testing.assert_allclose(pieces[0].centre[0], places[0, 1], atol=1e-6)
    np.testing.assert_allclose(pieces[-1].centre[-1], places[-1, 1], atol=1e-6)
    for one, other in pairwise(pieces):
        np.testing.assert_allclose(one.centre[-1], other.centre[0], atol=1e-6)
        np.testing.assert_allclose(one.across[-1], other.across[0], atol=1e-6)
    assert 0 < pieces[0].place <= pieces[-1].place < 1


def test_a_helix_follows_its_alpha_carbons_and_is_wide_along_its_axis():
    places = helix(20)
    pieces = [piece for piece in ribbon(places) if piece.kind == HELIX]
    centred = places[2:-2, 1] - places[2:-2, 1].mean(0)
    axis = np.linalg.svd(centred)[2][0]
    assert abs(joined(pieces, "across") @ axis).min() > 0.85
    assert set(joined(pieces, "half_width")) == {HALF_WIDTH[HELIX]}
    radius = np.linalg.norm(np.cross(joined(pieces, "centre") - places[2:-2, 1].mean(0), axis), axis=1)
    assert radius[6:-6].mean() == pytest.approx(2.3, abs=0.15), "Å, that of the alpha carbons of an α helix"


def test_strands_end_in_arrows_and_do_not_flip():
    chain = committed(1)[0]
    runs = [run for run in drawn_runs(secondary_structure(chain.coordinates)) if run.state == STRAND]
    pieces = [piece for piece in ribbon(chain.coordinates) if piece.kind == STRAND]
    assert len(runs) == 6
    for run in runs:
        own = [one for one in pieces if run.start - 0.5 < one.place * (len(chain) - 1) < run.stop - 0.5]
        across, widths = joined(own, "across"), joined(own, "half_width")
        assert (across[1:] * across[:-1]).sum(1).min() > 0.5
        assert widths[0] == HALF_WIDTH[STRAND]
        assert widths.max() == pytest.approx(HEAD_WIDTH)
        assert widths[-1] == pytest.approx(TIP_WIDTH)


def test_the_ribbon_turns_with_the_chain():
    places = random_backbone(30).astype(float)
    turned = moved(places)
    rotation = np.linalg.lstsq(places[:, 1] - places[:, 1].mean(0), turned[:, 1] - turned[:, 1].mean(0), rcond=None)[0]
    for one, other in zip(ribbon(places), ribbon(turned), strict=True):
        np.testing.assert_allclose(one.across @ rotation, other.across, atol=1e-6)
        np.testing.assert_allclose((one.centre - places[0, 1]) @ rotation, other.centre - turned[0, 1], atol=1e-6)

"""Laws of TM-scores and of the shortlist of nearest chains."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.similarity import (
    STRIDE,
    THINNING,
    distance_scale,
    gapless_tm,
    nearest_chains,
    pairwise_tm,
)
from sciencegen.domains.superposition import squared_distances
from sciencegen.errors import ConfigError, DataError
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved, random_backbone
from tests.domains.proteins.backbones.real import natives

SIZES = (30, 41, 52, 60, 73)


@pytest.fixture
def traces() -> list[np.ndarray]:
    return [random_backbone(size, size)[:, 1] for size in SIZES]


def test_a_piece_of_a_chain_has_the_gapless_score_1(traces) -> None:
    found = gapless_tm(moved(random_backbone(60, 60))[8:40, 1], traces)
    assert found[3] == pytest.approx(1, abs=1e-4)
    assert found.argmax() == 3
    assert (found > 0).all()


def test_a_shorter_chain_scores_at_most_its_share_of_the_length(traces) -> None:
    found = gapless_tm(random_backbone(60, 60)[:, 1], [moved(random_backbone(60, 60))[20:50, 1], traces[0]])
    assert found[0] == pytest.approx(0.5, abs=1e-4)
    assert found[1] < 0.5


def test_pieces_are_superposed_with_equal_weights_and_then_with_those_of_the_score(traces) -> None:
    """By the general superposition, piece by piece, far from the origin."""
    trace = traces[2] + 40
    size, d0 = len(trace), distance_scale(len(trace))
    for found, other in zip(gapless_tm(trace, [one - 90 for one in traces]), traces, strict=True):
        length = min(size, len(other))
        ends = [np.unique([*range(0, count - length, STRIDE), count - length]) for count in (size, len(other))]
        scores = []
        for start, begin in product(*ends):
            own, theirs = (one[at : at + length : THINNING] for one, at in ((trace, start), (other, begin)))
            weights = 1 / (1 + squared_distances(own, theirs) / (2 * d0) ** 2)
            scores.append((1 / (1 + squared_distances(own, theirs, weights) / d0**2)).mean() * length / size)
        assert found == pytest.approx(max(scores), abs=1e-5)


def test_a_mirror_image_is_another_fold(traces) -> None:
    trace = random_backbone(60, 60)[:, 1]
    assert gapless_tm(trace * MIRROR, [trace])[0] < 0.5


def test_the_gapless_score_is_at_most_that_with_gaps() -> None:
    tmtools = pytest.importorskip("tmtools")
    traces = [backbone[:, 1].copy() for backbone, _ in natives(5)]
    bounds = gapless_tm(traces[0], traces)
    for bound, other in zip(bounds, traces, strict=True):
        found = tmtools.tm_align(traces[0], other, "A" * len(traces[0]), "A" * len(other))
        assert bound <= found.tm_norm_chain1 + 0.02


def test_pairs_of_equal_backbones_score_1() -> None:
    pytest.importorskip("tmtools")
    backbones = [helix(30), moved(helix(30)), random_backbone(40)]
    found = pairwise_tm(backbones)
    np.testing.assert_allclose(found, found.T)
    assert found[0, 1] == pytest.approx(1, abs=1e-3)
    assert found[0, 2] < 0.6


def test_a_copy_is_found_among_others() -> None:
    pytest.importorskip("tmtools")
    references = [random_backbone(size, size) for size in SIZES]
    scores, indices = nearest_chains([moved(references[2]), references[4][10:50]], references, 2)
    assert indices.tolist() == [2, 4]
    np.testing.assert_allclose(scores, 1, atol=1e-3)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tmtools", None)
    with pytest.raises(ConfigError, match=r"sciencegen\[design\]"):
        pairwise_tm([helix(20)])


def test_chains_too_short_to_align_and_no_references_are_errors() -> None:
    pytest.importorskip("tmtools")
    with pytest.raises(DataError, match="at least 5 residues"):
        pairwise_tm([helix(20), helix(4)])
    with pytest.raises(DataError, match="got none"):
        nearest_chains([helix(20)], [])

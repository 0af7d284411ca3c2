"""Charts of backbones: which points they show."""

import numpy as np
import pytest

from sciencegen.domains.capabilities import Compared
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.metrics import angles, charts
from sciencegen.report.comparisons import chart, contours_of
from tests.domains.proteins.backbones.examples import HELIX, chains, helix


def test_all_residues_of_a_helix_but_its_ends_have_its_angles():
    found = angles([backbone(helix(20)), backbone(helix(12))])
    assert found.shape == (18 + 10, 2)
    np.testing.assert_allclose(found, np.broadcast_to(HELIX, found.shape), atol=0.2)


def test_residues_at_a_break_have_no_angles():
    places = helix(20).copy()
    places[12:] += 5.0
    assert len(angles([backbone(places)])) == 18 - 2


def test_each_chart_has_the_points_of_its_items():
    training, draws, candidates = chains()[:4], chains()[4:6], chains()[6:]
    rama, shares, shape, room = charts(Compared(training, draws, candidates))
    assert len(rama.training) == sum(len(one) - 2 for one in training)
    assert len(rama.candidates) == sum(len(one) - 2 for one in candidates)
    assert not rama.labels
    for one in (shares, shape, room):
        assert [len(one.training), len(one.generated), len(one.candidates)] == [4, 2, 2]
        assert list(one.labels) == [item.name for item in candidates]
    for residues, radius in shape.line.points:
        assert radius == pytest.approx(2.2 * residues**0.38)
    assert shape.line.points[0][0] == min(map(len, chains()))
    assert all(x + y <= 1 for x, y in shares.training)


@pytest.mark.parametrize("groups", [((), (), ()), ((), (), chains()[:1])])
def test_charts_of_few_items_are_drawn(groups):
    for record in charts(Compared(*groups)):
        assert chart(record, contours_of(record)).startswith("<svg")

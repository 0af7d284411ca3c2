import numpy as np
import pytest
from scipy.spatial import cKDTree

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics import copying
from sciencegen.metrics.copying import copying_scores, nearest, nearest_images, orientations


def test_the_nearest_is_found_over_all_blocks(generator, monkeypatch):
    monkeypatch.setattr(copying, "BLOCK", 7)
    items, references = generator.normal(size=(20, 5)) + 1000, generator.normal(size=(31, 5)) + 1000
    found = nearest(items, references)
    distance, row = cKDTree(references).query(items)
    np.testing.assert_allclose(found.distance, distance)
    assert (found.row == row).all()
    assert (nearest(references, references).distance == 0).all()
    with pytest.raises(ShapeError, match="equal features"):
        nearest(items, references[:, :3])


def test_a_copy_is_found_in_any_orientation(generator):
    training = generator.normal(size=(40, 6, 6))
    each = orientations(training)
    assert len({image.tobytes() for image in each[:, 0]}) == 8
    for turned in each:
        found = nearest_images(turned[:5], training)
        np.testing.assert_allclose(found.distance, 0, atol=1e-12)
        assert (found.row == np.arange(5)).all()
    assert nearest_images(generator.normal(size=(3, 6, 6)), training).distance.min() > 1


def test_copies_show_and_fresh_draws_do_not(generator):
    training, held_out, fresh = generator.normal(size=(3, 1000, 4))
    reference = nearest(held_out, training).distance
    fair = copying_scores(nearest(fresh, training).distance, reference)
    assert fair.copied < 0.03
    assert fair.nearer == pytest.approx(0.5, abs=0.04)
    half = np.concatenate([training[:300] + 1e-6, fresh[:300]])
    copied = copying_scores(nearest(half, training).distance, reference)
    assert copied.copied == pytest.approx(0.5, abs=0.02)
    assert copied.nearer > 0.7
    far = copying_scores(nearest(fresh + 5, training).distance, reference)
    assert far.nearer < 0.1
    with pytest.raises(DataError, match="both kinds"):
        copying_scores(np.zeros(0), reference)

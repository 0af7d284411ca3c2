"""Rows to latents: places are kept, and refusals listed."""

import numpy as np
import pytest

from sciencegen.api.models.folder import encode_rows, load_model
from sciencegen.api.predictors.folder import latents_of
from sciencegen.config import Resources
from sciencegen.items import Refusal, Row


@pytest.fixture(scope="module")
def loaded():
    return load_model("molecules", None, "cpu")


def test_each_row_that_is_an_item_has_the_latent_that_it_has_alone(loaded):
    rows = [Row(2, "CCO", id="a"), Row(3, "junk"), Row(4, "c1ccccc1")]
    found = encode_rows(loaded, rows, Resources(threads=1))
    assert found.index.tolist() == [0, 2]
    assert list(found.name) == ["a", ""]
    assert [line for line, _, _ in found.refused] == [3]
    alone = encode_rows(loaded, rows[2:], Resources(threads=1))
    assert np.allclose(found.latent[1], alone.latent[0], atol=1e-5)
    items = [loaded.domain.items.parse(text) for text in found.item]
    assert not any(isinstance(item, Refusal) for item in items)
    assert np.allclose(latents_of(loaded, items), found.latent, atol=1e-5)

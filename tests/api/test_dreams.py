"""What a model learns to read from: its own draws, each beside the properties that the domain computes of it."""

import numpy as np
import pytest
import torch

from sciencegen.api.dreams import dreams
from sciencegen.domains import load_domain
from sciencegen.vae.sequence import SequenceVAESettings

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "O=C(O)c1ccccc1", "CCN(CC)CC", "Cc1ccncc1"]
SMALL = SequenceVAESettings(width=32, heads=2, layers=1, hidden=32, flow_layers=2, flow_width=16)


def untrained(properties):
    torch.manual_seed(0)
    science = load_domain("molecules")
    recipe = science.recipes["selfies-vae"]
    values = np.random.default_rng(0).normal(3, 1, (6, len(properties)))
    representation = recipe.fit(SMILES, values, properties)
    return recipe.build(representation, SMALL).eval(), representation, science


@pytest.mark.parametrize("threads", [1, 2])
def test_each_draw_carries_its_own_properties(threads):
    model, representation, science = untrained(("potency", "mw", "rings"))
    found = dreams(model, representation, science, "selfies-vae", 600, 0, threads)
    assert len(found) == 2  # whole compute chunks
    for batch in found:
        items = representation.decode(batch)
        rows = science.measure(items, ("mw", "rings"))
        expected = (rows - representation.mean[1:]) / representation.std[1:]
        np.testing.assert_allclose(batch.condition[:, 1:], expected, rtol=1e-5, atol=1e-5)
        assert torch.isnan(batch.condition[:, 0]).all()  # a user's column: nobody can compute it of a draw


def test_nothing_is_drawn_where_nothing_can_be_computed():
    assert dreams(*untrained(("potency",)), "selfies-vae", 600, 0, 1) == []

"""What a model learns its critic from: its own draws, each beside what the domain makes of it."""

import json

import numpy as np
import pytest
import torch

from sciencegen.api.rehearsal import FREE, SINGLE, Inspect, _asked, judged
from sciencegen.domains import load_domain
from sciencegen.domains.base import Refusal
from sciencegen.vae.sequence import SequenceVAESettings

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "O=C(O)c1ccccc1", "CCN(CC)CC", "Cc1ccncc1"]
SMALL = SequenceVAESettings(width=32, heads=2, layers=1, hidden=32, flow_layers=2, flow_width=16, critic=16)


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    science = load_domain("molecules")
    recipe = science.recipes["selfies-vae"]
    representation = recipe.fit(SMILES, np.random.default_rng(0).normal(3, 1, (6, 3)), ("potency", "mw", "rings"))
    return recipe.build(representation, SMALL).eval(), representation, science


@pytest.mark.parametrize("threads", [1, 2])
def test_each_draw_carries_its_own_properties_and_whether_it_is_well_formed(untrained, threads):
    model, representation, science = untrained
    noise = torch.randn(150, model.latent_size, generator=torch.Generator().manual_seed(0))
    task = Inspect("molecules", "selfies-vae", json.dumps(representation.to_json()))
    draws, well_formed = judged([model.draw(noise[:100]), model.draw(noise[100:])], task, threads)
    assert [len(batch) for batch in draws] == [100, 50]
    items = [item for batch in draws for item in representation.decode(batch)]
    flags, values = torch.cat(well_formed), torch.cat([batch.condition for batch in draws])
    tokens = [row[real].tolist() for b in draws for row, real in zip(b["tokens"], b.mask, strict=True)]
    for item, flag, row, drawn in zip(items, flags.tolist(), values, tokens, strict=True):
        if isinstance(item, Refusal):
            assert not flag
            assert torch.isnan(row).all()
            continue
        (again,) = representation.encode([item])
        assert flag == (not isinstance(again, Refusal) and again.tolist() == drawn)
        expected = (science.measure([item], ("mw", "rings"))[0] - representation.mean[1:]) / representation.std[1:]
        np.testing.assert_allclose(row[1:], expected, rtol=1e-5, atol=1e-5)
        assert torch.isnan(row[0])  # a user's column: nobody can compute it of a draw
    assert 0 < flags.sum() < len(flags)


def test_conditions_come_from_the_range_of_the_data():
    known = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32)
    known[:, 3] = np.nan  # never known: never asked by more than its mean
    _, condition = _asked(0, 0, 8, known)
    given = ~torch.isnan(condition)
    shares = [(given.sum(1) == count).float().mean() for count in (0, 1, 2)]
    assert shares == pytest.approx([FREE, SINGLE, 1 - FREE - SINGLE], abs=0.06)
    asked = condition[:, :3][given[:, :3]]
    assert asked.abs().max() < 3.6
    assert asked.std() > 1.2  # wider than the data: the tails are asked for as often as the middle
    assert (condition[:, 3][given[:, 3]] == 0).all()

"""A Potts model by pseudolikelihood: what it learns of a known distribution, and its energies."""

import itertools

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.alignment_fitness import LETTERS
from sciencegen.vae.potts import PottsModel, PottsSettings

ROWS = torch.tensor(list(itertools.product(range(3), repeat=4)))
KNOWN = torch.ones(ROWS.shape, dtype=torch.bool)


def some_model(seed: int) -> PottsModel:
    model, generator = PottsModel(4, 3, PottsSettings()), torch.Generator().manual_seed(seed)
    model.fields.normal_(generator=generator)
    for first, second in itertools.combinations(range(4), 2):
        pair = torch.randn(3, 3, generator=generator)
        model.couplings[first, :, second], model.couplings[second, :, first] = pair, pair.T
    return model


def fitted(weights: torch.Tensor, **settings: float) -> PottsModel:
    model = PottsModel(4, 3, PottsSettings(iterations=300, **settings))
    model.finish([Batch({LETTERS: ROWS})], torch.Generator(), weights=weights)
    return model


def test_a_model_of_all_rows_weighted_by_a_potts_distribution_is_that_distribution():
    truth = 0.3 * some_model(0).energy(ROWS, KNOWN)
    found = fitted(1e3 * truth.softmax(0), field_penalty=1e-4, coupling_penalty=1e-5).energy(ROWS, KNOWN)
    np.testing.assert_allclose(found - found[0], truth - truth[0], atol=0.05)


def test_a_strong_penalty_leaves_the_columns_alone():
    truth = some_model(0).energy(ROWS, KNOWN)
    model = fitted(1e4 * truth.softmax(0), coupling_penalty=1e6)
    assert model.couplings.abs().max() < 1e-3
    shares = torch.stack([truth.softmax(0) @ (letter == ROWS).double() for letter in range(3)], 1)
    np.testing.assert_allclose(model.fields.softmax(1), shares, atol=1e-3)


def test_couplings_are_symmetric_and_none_is_within_a_column():
    model = fitted(some_model(1).energy(ROWS, KNOWN).softmax(0) * 100)
    torch.testing.assert_close(model.couplings, model.couplings.permute(2, 3, 0, 1))
    assert not model.couplings[range(4), :, range(4)].any()


def test_conditional_probabilities_are_those_of_the_energy():
    model = some_model(2)
    joint = model.energy(ROWS, KNOWN).log_softmax(0).view(3, 3, 3, 3)
    given = sum(joint - joint.logsumexp(column, keepdim=True) for column in range(4))
    torch.testing.assert_close(model.conditional_log_prob(ROWS, KNOWN).double(), given.flatten(), atol=1e-4, rtol=0)


def test_a_gap_adds_nothing():
    model, mask = some_model(3), KNOWN.clone()
    mask[:, 1] = False
    others = model.energy(ROWS, mask).view(3, 3, 3, 3)
    assert (others == others[:, :1]).all()
    fields, couplings = model.fields[0, ROWS[:, 0]], model.couplings
    pairs = sum(couplings[a, ROWS[:, a], b, ROWS[:, b]] for a, b in ((0, 2), (0, 3), (2, 3)))
    expected = fields + model.fields[2, ROWS[:, 2]] + model.fields[3, ROWS[:, 3]] + pairs
    torch.testing.assert_close(others.flatten(), expected.double(), atol=1e-5, rtol=0)


def test_it_draws_nothing():
    with pytest.raises(ConfigError, match="alignment-vae"):
        some_model(0).generate(torch.zeros(1, 4))

"""The conditional autoencoder of variants: its latent decides the changes, its draws meet what is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.vae.alignment_fitness import LETTERS, AdditiveFitness, WildTypeRow
from sciencegen.vae.variant_vae import VariantVAE, VariantVAESettings

COLUMNS, ALPHABET, VALUE, COUNT = 12, 5, 0, 1
FOCUS = torch.zeros(COLUMNS, dtype=torch.long)


def few_changes(count: int) -> torch.Tensor:
    """Rows with one to three changes of the reference."""
    generator, rows = np.random.default_rng(0), np.zeros((count, COLUMNS), np.int64)
    for row in rows:
        places = generator.choice(COLUMNS, generator.integers(1, 4), replace=False)
        row[places] = generator.integers(1, ALPHABET, len(places))
    return torch.from_numpy(rows)


@pytest.fixture(scope="module")
def learned() -> tuple[VariantVAE, Batch]:
    """A model of 300 variants with a value, trained for a moment."""
    torch.manual_seed(0)
    rows = few_changes(300)
    effects = torch.randn(COLUMNS, ALPHABET, generator=torch.Generator().manual_seed(1))
    effects[:, 0] = 0
    value = effects.expand(len(rows), -1, -1).gather(2, rows[..., None]).sum((1, 2))
    number = (rows != 0).sum(1).float()
    condition = torch.stack([(value - value.mean()) / value.std(), (number - number.mean()) / number.std()], 1)
    batch = Batch({LETTERS: rows}, torch.ones_like(rows, dtype=torch.bool), condition)
    changes = WildTypeRow(FOCUS, COUNT, float(number.mean()), float(number.std(unbiased=False)))
    settings = VariantVAESettings(latent=6, hidden=48)
    model = VariantVAE(FOCUS, ALPHABET, 2, settings, changes, AdditiveFitness(FOCUS, ALPHABET, VALUE))
    optimizer, generator = torch.optim.Adam(model.parameters(), 4e-3), torch.Generator().manual_seed(0)
    for step in range(150):
        chosen = batch.select(torch.randint(300, (40,), generator=generator))
        optimizer.zero_grad()
        model.loss(chosen, step, generator)["loss"].backward()
        optimizer.step()
    model.eval().finish([batch], generator)
    return model, batch


def noise_of(model: VariantVAE, seed: int = 0) -> torch.Tensor:
    return torch.randn(64, model.latent_size, generator=torch.Generator().manual_seed(seed))


def asked(value: float, number: float = torch.nan) -> torch.Tensor:
    return torch.tensor([[value, number]]).repeat(64, 1)


def test_draws_change_with_z(learned: tuple[VariantVAE, Batch]) -> None:
    model, _ = learned
    made = [model.generate(noise_of(model, seed), asked(0.5, 0.0))[LETTERS] for seed in (0, 1)]
    assert float((made[0] != made[1]).any(1).double().mean()) >= 0.95


def test_encoder_decoder_and_prior_read_the_condition(learned: tuple[VariantVAE, Batch]) -> None:
    model, batch = learned
    some = Batch({LETTERS: batch[LETTERS][:64]}, None)
    z = noise_of(model)[:, 1:]
    one, other = asked(-1.0), asked(1.0)
    assert not torch.equal(
        model.posterior_of(some.with_condition(one)).mean, model.posterior_of(some.with_condition(other)).mean
    )
    assert not torch.equal(model.decoder(z, one).logits, model.decoder(z, other).logits)
    assert not torch.equal(model.prior(z, one), model.prior(z, other))


def test_draws_have_the_requested_value_and_number_of_changes(learned: tuple[VariantVAE, Batch]) -> None:
    model, _ = learned
    assert model.landscape is not None
    assert model.changes is not None
    condition = asked(0.5, (3 - model.changes.mean) / model.changes.std)
    rows = model.generate(noise_of(model), condition)[LETTERS]
    assert set((rows != 0).sum(1).tolist()) == {3}
    assert (
        float((model.landscape.value(rows) - model.landscape.link.sums(condition[:, 0].double())).abs().median()) < 0.4
    )


def test_a_greater_score_is_a_greater_value(learned: tuple[VariantVAE, Batch]) -> None:
    model, _ = learned
    assert model.landscape is not None
    latent = noise_of(model)
    means = []
    for score in (-1.5, 0.0, 1.5):
        latent[:, 0] = score
        means.append(float(model.landscape.value(model.decode(latent)[LETTERS]).mean()))
    assert means == sorted(means)


def test_free_draws_have_as_many_changes_as_training_rows(learned: tuple[VariantVAE, Batch]) -> None:
    model, batch = learned
    made = model.generate(torch.randn(500, model.latent_size, generator=torch.Generator().manual_seed(5)))[LETTERS]
    assert float((made != 0).sum(1).double().mean()) == pytest.approx(
        float((batch[LETTERS] != 0).sum(1).double().mean()), abs=0.3
    )


def test_a_row_and_what_its_latent_decodes_to_have_one_value(learned: tuple[VariantVAE, Batch]) -> None:
    model, batch = learned
    assert model.landscape is not None
    found = model.decode(model.encode(Batch({LETTERS: batch[LETTERS][:100]})))[LETTERS]
    apart = model.landscape.value(found) - model.landscape.value(batch[LETTERS][:100])
    assert float(apart.abs().median()) < 0.4


def test_recombined_rows_have_changes_of_the_batch_and_their_number(learned: tuple[VariantVAE, Batch]) -> None:
    model, batch = learned
    some = batch.select(torch.arange(20))
    more = model._with_recombined(some, torch.Generator().manual_seed(0))
    rows, made = some[LETTERS], more[LETTERS][20:]
    assert len(made) == 60
    assert (made != 0).sum(1).tolist() == (rows != 0).sum(1).repeat(3).tolist()
    known, new = (
        {(place, letter) for row in some.tolist() for place, letter in enumerate(row)} for some in (rows, made)
    )
    assert new <= known | {(place, 0) for place in range(COLUMNS)}
    assert more.condition is not None
    assert more.condition[20:, VALUE].isnan().all()

"""Values of variants as sums over their letters, and the curve from sums to measured values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import DataError
from sciencegen.vae.alignment_fitness import (
    LETTERS,
    AdditiveFitness,
    FitnessLink,
    WildTypeRow,
    letters_at_quantile,
    with_changes,
)
from sciencegen.vae.alignment_vae import AlignmentVAE, AlignmentVAESettings

# Laws of what was measured around a reference: sums over letters are found again, draws come near to what is asked,
# more is never answered by less, and without a wish the model is what it is without any measurement.


COLUMNS, ALPHABET = 12, 5
SMALL = AlignmentVAESettings(members=2, hidden=16, latent=2)
FOCUS = torch.zeros(COLUMNS, dtype=torch.long)


def few_changes(count: int, seed: int, most: int = 2) -> torch.Tensor:
    """Rows with one to `most` changes of the reference."""
    generator, rows = np.random.default_rng(seed), np.zeros((count, COLUMNS), np.int64)
    for row in rows:
        places = generator.choice(COLUMNS, generator.integers(1, most + 1), replace=False)
        row[places] = generator.integers(1, ALPHABET, len(places))
    return torch.from_numpy(rows)


@pytest.fixture
def effects() -> torch.Tensor:
    made = torch.randn(COLUMNS, ALPHABET, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return made.index_fill_(1, torch.tensor([0]), 0.0)


def noise_of(count: int) -> torch.Tensor:
    return torch.randn(count, 2 + COLUMNS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def summed(effects: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return effects[torch.arange(COLUMNS), rows].sum(1)


def model(landscape: AdditiveFitness | None, reference: WildTypeRow | None = None) -> AlignmentVAE:
    torch.manual_seed(0)
    made = AlignmentVAE(COLUMNS, ALPHABET, SMALL, reference, landscape=landscape).double().eval()
    torch.nn.init.normal_(made.first.output.weight, std=0.7, generator=torch.Generator().manual_seed(2))
    return made


@pytest.fixture
def fitted(effects) -> AdditiveFitness:
    made, rows = AdditiveFitness(FOCUS, ALPHABET, 0), few_changes(600, 0)
    made.fit(rows, 0.5 + summed(effects, rows), torch.zeros(COLUMNS, ALPHABET))
    return made


def test_sums_over_letters_are_found_again(fitted, effects):
    rows = few_changes(100, 1, most=6)
    torch.testing.assert_close(fitted.value(rows), 0.5 + summed(effects, rows), atol=0.5, rtol=0)
    assert fitted.explained > 0.95
    assert fitted.value(FOCUS[None]).item() == pytest.approx(0.5, abs=0.1)


def test_noise_foresees_nothing():
    made = AdditiveFitness(FOCUS, ALPHABET, 0)
    noise = torch.randn(200, generator=torch.Generator().manual_seed(0))
    made.fit(few_changes(200, 0), noise, torch.zeros(COLUMNS, ALPHABET))
    assert made.explained < 0.1
    assert made.effects.abs().max() < 0.7


def test_what_the_family_thinks_tells_of_letters_that_nobody_measured(effects):
    """40 single changes of 48, where the family's opinion is half of the truth."""
    made, rows = AdditiveFitness(FOCUS, ALPHABET, 0), few_changes(40, 0, most=1)
    made.fit(rows, summed(effects, rows), 0.5 * effects)
    unseen = torch.tensor([[row == other for other in rows.tolist()] for row in few_changes(300, 3, 1).tolist()]).any(1)
    rows = few_changes(300, 3, 1)[~unseen]
    assert len(rows) > 20
    torch.testing.assert_close(made.value(rows), summed(effects, rows), atol=0.3, rtol=0.1)


@pytest.mark.parametrize("asked", [-2.0, 0.0, 1.5, 3.0])
def test_draws_come_as_near_to_what_is_asked_as_a_letter_allows(fitted, asked):
    made, noise = model(fitted), noise_of(200)
    condition = torch.full((200, 1), asked, dtype=torch.float64)
    found, plain = (fitted.value(made.generate(noise, one)[LETTERS]) for one in (condition, None))
    print(asked, "plain", plain.mean(), plain.std(), "found", found.mean(), (found - asked).abs().median())
    assert (found - asked).abs().median() < 0.5  # a change of a letter is worth 1
    assert (found - asked).abs().mean() < 0.3 * (plain - asked).abs().mean()


def test_more_is_never_answered_by_less(fitted):
    made, noise = model(fitted), noise_of(50)
    values = torch.stack([
        fitted.value(made.generate(noise, torch.full((50, 1), asked, dtype=torch.float64))[LETTERS])
        for asked in torch.linspace(-6, 6, 25).tolist()
    ])  # fmt: skip
    assert (values.diff(dim=0) >= -1e-9).all()
    assert (values[-1] - values[0] > 4).all()


def test_without_a_wish_nothing_is_led(fitted):
    made, noise = model(fitted), noise_of(100)
    no_progress = torch.full((100, 1), torch.nan, dtype=torch.float64)
    assert torch.equal(made.generate(noise, no_progress)[LETTERS], model(None).generate(noise)[LETTERS])
    assert torch.equal(made.generate(noise)[LETTERS], model(None).generate(noise)[LETTERS])
    rows = few_changes(100, 5, most=COLUMNS)
    assert torch.equal(made.decode(made.encode(Batch({LETTERS: rows})))[LETTERS], rows)
    mixed = torch.where(torch.arange(100)[:, None] < 50, no_progress, 1.0)
    assert torch.equal(made.generate(noise, mixed)[LETTERS][:50], made.generate(noise)[LETTERS][:50])


def test_its_networks_are_those_of_a_model_without(fitted):
    """The same first weights, the same loss whatever was measured, the same evidence."""
    first, second = model(None), model(fitted)
    names = dict(first.named_parameters())
    assert names.keys() == dict(second.named_parameters()).keys()
    assert all(torch.equal(names[name], value) for name, value in second.named_parameters())
    rows = few_changes(20, 0)
    plain = Batch({LETTERS: rows})
    told = Batch({LETTERS: rows}, condition=torch.randn(20, 1, dtype=torch.float64))
    losses = [
        one.loss(batch, 0, torch.Generator().manual_seed(0))["loss"] for one, batch in ((first, plain), (second, told))
    ]
    assert torch.equal(*losses)
    assert torch.equal(first.evidence(plain, 8), second.evidence(told, 8))


def test_both_wishes_are_met_at_once(fitted):
    made = model(fitted, WildTypeRow(FOCUS, place=1, mean=2.0, std=1.0))
    for asked, changes in ((-2.5, 1), (-1.0, 3), (1.5, 1), (1.5, 3), (4.0, 3)):
        condition = torch.tensor([[asked, changes - 2.0]], dtype=torch.float64).expand(100, -1)
        drawn = made.generate(noise_of(100), condition)[LETTERS]
        assert ((drawn != 0).sum(1) == changes).all()
        miss = (fitted.value(drawn) - asked).abs().median()
        print(asked, changes, miss, len(drawn.unique(dim=0)))
        assert miss < 0.7
        assert len(drawn.unique(dim=0)) >= (1 if abs(asked) > 2 else 4)


@pytest.mark.parametrize("changes", [0, 1, 4, 11])
def test_as_many_letters_as_asked_are_others(changes):
    share = torch.randn(50, COLUMNS, ALPHABET, dtype=torch.float64).mul(2).softmax(-1)
    quantile, own = torch.rand(50, COLUMNS, dtype=torch.float64), torch.randint(0, ALPHABET, (50, COLUMNS))
    moved = with_changes(share, quantile, own, torch.full((50,), float(changes), dtype=torch.float64))
    found = letters_at_quantile(share, moved)
    assert ((found != own).sum(1) == changes).all()
    none = with_changes(share, quantile, own, torch.full((50,), torch.nan, dtype=torch.float64))
    assert torch.equal(letters_at_quantile(share, none), letters_at_quantile(share, quantile))


def test_it_learns_from_rows_that_were_measured_and_have_no_gap(effects):
    made = model(AdditiveFitness(FOCUS, ALPHABET, 0))
    rows, generator = few_changes(300, 0), torch.Generator()
    values = summed(effects, rows)[:, None].clone()
    mask = torch.ones_like(rows, dtype=torch.bool)
    values[200:250], mask[250:, 3] = torch.nan, False
    values[250:] = 1e6
    batches = [Batch({LETTERS: rows[part]}, mask[part], values[part]) for part in (slice(0, 90), slice(90, 300))]
    told = []
    made.finish(batches, generator, lambda *one: told.append(one))
    assert [one[:3] for one in told] == [("landscape", step, 25) for step in range(1, 26)]
    assert made.landscape.explained == pytest.approx(1 - min(one[3] for one in told) / values[:200].var(correction=0))
    known = few_changes(50, 7)
    torch.testing.assert_close(made.landscape.value(known), summed(effects, known), atol=0.7, rtol=0)
    with pytest.raises(DataError, match="Expected 5 or more measured rows without gaps, found 4"):
        made.finish([Batch({LETTERS: rows[:4]}, None, values[:4])], generator)


# The curve from sums of effects to measured values.


VALUES = torch.tensor([-2.5, -1.0, 0.0, 1.0, 2.0, torch.nan], dtype=torch.float64)


def saturating(count):
    generator = np.random.default_rng(0)
    sums = generator.normal(0, 2, count)
    return sums, 3 * np.tanh(sums / 3) + generator.normal(0, 0.3, count)


def test_at_first_values_are_sums_and_models_without_a_curve_load():
    link = FitnessLink()
    far = torch.cat([VALUES, torch.tensor([-40.0, 40.0], dtype=torch.float64)])
    torch.testing.assert_close(link.sums(far), far, equal_nan=True)
    link.load_state_dict({})
    torch.testing.assert_close(link.sums(far), far, equal_nan=True)


def test_the_curve_is_found_and_kept():
    link = FitnessLink()
    link.fit(*saturating(2000))
    wanted = 3 * torch.atanh(VALUES / 3)
    torch.testing.assert_close(link.sums(VALUES), wanted, atol=0.35, rtol=0, equal_nan=True)
    again = FitnessLink()
    again.load_state_dict(link.state_dict())
    assert torch.equal(again.sums(VALUES[:5]), link.sums(VALUES[:5]))


@pytest.mark.parametrize("count", [1, 8, 50, 5000])
def test_more_is_asked_by_a_greater_sum_whatever_was_measured(count):
    for sums, values in (
        saturating(count),
        (np.zeros(count), saturating(count)[1]),
        (saturating(count)[0], np.zeros(count)),
    ):
        link = FitnessLink()
        link.fit(sums, values)
        found = link.sums(torch.linspace(-8, 8, 33, dtype=torch.float64))
        assert found.isfinite().all()
        assert (found.diff() > 0).all()

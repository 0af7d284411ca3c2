"""The recipe of tables: its settings, its oracles, and a likelihood that nears that of a known law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciencegen.domains.tables import representation as tables
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.models import RECIPES, TableVAESettings, classes_of
from sciencegen.errors import ConfigError
from sciencegen.vae.bounds import Warmup
from tests.domains.tables.known_table import log_likelihood, table, texts

RECIPE = RECIPES["array-vae"]
TEXTS = texts(600, seed=4)
ROWS = [rows.parse(text) for text in TEXTS]
SMALL = {"latent": 3, "width": 32, "flow_layers": 0, "score_samples": 16}


def built(conditions: tuple[str, ...] = (), **settings):
    torch.manual_seed(0)
    fitted = RECIPE.fit(TEXTS, tables.measure(ROWS, conditions), conditions)
    return RECIPE.build(fitted, TableVAESettings(**SMALL | settings)), fitted


@pytest.mark.long
def test_its_likelihood_nears_that_of_the_law():
    model, fitted = built(beta=Warmup("linear", 200))
    batch, generator = fitted.batch(fitted.encode(ROWS)), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, fused=True)
    for step in range(400):
        part = batch.select(torch.randint(len(batch), (256,), generator=generator))
        optimizer.zero_grad()
        model.loss(part, step, generator)["loss"].backward()
        optimizer.step()
    held_out = [rows.parse(text) for text in texts(500, seed=8)]
    found = RECIPE.check(model.eval(), fitted, fitted.encode(held_out))
    truth = log_likelihood(table(500, seed=8)).mean()
    assert truth - 0.9 < found["log_likelihood"] < truth + 0.1
    assert found["bits_per_item"] == pytest.approx(-found["log_likelihood"] / np.log(2))


def test_its_oracles_are_the_likelihood_and_the_columns():
    model, fitted = built()
    oracles = RECIPE.oracles.make(model.eval(), fitted, lambda name, make: make())
    assert {"log_likelihood", "age", "city:Oslo"} <= set(oracles)
    assert [score.value for score in oracles["city:Oslo"].score([{"city": "Oslo"}, {"city": "Bergen"}])] == [1, 0]
    assert oracles["age"].score([{"age": None}])[0].failed
    one, again = (oracles["log_likelihood"].score([row])[0].value for row in (ROWS[0], ROWS[0]))
    assert one == again
    assert oracles["log_likelihood"].score([{"city": "Paris"}])[0].failure.startswith("'Paris' in 'city'")


def test_labels_are_in_the_units_of_the_data():
    model, fitted = built(("rating",), semi_supervised=True, label_values=(1.0, 2.0, 3.0, 4.0))
    batch = fitted.batch(fitted.encode(ROWS[:5]), np.full((5, 1), np.nan))
    inferred = model.infer_condition(batch).numpy() * fitted.standardization.std + fitted.standardization.mean
    assert set(inferred.ravel().round(4).tolist()) <= {1.0, 2.0, 3.0, 4.0}


def test_wrong_settings_are_errors():
    with pytest.raises(ConfigError, match="score_samples of 1 or more, got 0"):
        TableVAESettings(score_samples=0)
    with pytest.raises(ConfigError, match="needs numbers, not 3 categories"):
        built(likelihoods={"city": "student_t"})


def counts_table(count: int = 60) -> list[str]:
    generator = np.random.default_rng(0)
    table = generator.poisson([3.0, 1.0, 6.0], (count, 3))
    gaps = generator.random((count, 3)) < 0.1
    cells = [[None if gap else int(k) for k, gap in zip(*row, strict=True)] for row in zip(table, gaps, strict=True)]
    return [rows.text(dict(zip("abcd", [*row, 0.5 + at % 7], strict=True))) for at, row in enumerate(cells)]


def test_a_block_of_counts_is_multinomial():
    found = counts_table()
    fitted = RECIPE.fit(found, np.empty((len(found), 0)), ())
    torch.manual_seed(0)
    model = RECIPE.build(fitted, TableVAESettings(**SMALL, multinomial={"genes": ["a", "c", "b"]})).eval()
    items = [rows.parse(text) for text in found]
    batch = fitted.batch(fitted.encode(items))
    assert model.loss(batch, 0, torch.Generator().manual_seed(0))["loss"].isfinite()
    for item, back in zip(items, fitted.decode(model.decode(model.encode(batch))), strict=True):
        assert all(back[name] == cell for name, cell in item.items() if cell is not None and name != "d")


def test_latents_give_the_shares_of_a_block():
    generator = np.random.default_rng(0)
    table = generator.poisson([3.0, 1.0, 6.0, 2.0], (60, 4))
    found = [rows.text(dict(zip(["x0", "x1", "x2", "other"], map(int, row), strict=True))) for row in table]
    fitted = RECIPE.fit(found, np.empty((60, 0)), ())
    model = RECIPE.build(fitted, TableVAESettings(**SMALL, multinomial={"genes": ["x"]})).eval()
    latent = model.encode(fitted.batch(fitted.encode([rows.parse(text) for text in found])))
    shares = model.inferred(latent)["shares_genes"]
    assert shares.shape == (60, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(60))
    model.vae.decoder.network.output.weight.data.zero_()
    model.vae.decoder.network.output.bias.data.zero_()
    untaught = torch.tensor(table[:, :3].mean(0) / table[:, :3].mean(0).sum(), dtype=torch.float32)
    torch.testing.assert_close(model.inferred(latent)["shares_genes"][0], untaught)
    assert built()[0].inferred(torch.zeros(2, built()[0].latent_size)) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"multinomial": {"genes": ["a", "x"]}}, "column of multinomial 'genes' 'x'"),
        ({"multinomial": {"genes": ["a"]}}, "two or more different columns of multinomial 'genes'"),
        ({"multinomial": {"genes": ["a", "b"], "more": ["b", "c"]}}, "got 'more' and multinomial 'genes'"),
        ({"multinomial": {"g": ["a", "b"]}, "likelihoods": {"a": "poisson"}}, "got 'g' and the likelihood poisson"),
        ({"multinomial": {"genes": ["a", "d"]}}, "needs whole numbers from 0 on, not .* with decimals"),
    ],
)
def test_wrong_blocks_are_errors(settings, message):
    found = counts_table()
    fitted = RECIPE.fit(found, np.empty((len(found), 0)), ())
    with pytest.raises(ConfigError, match=message):
        RECIPE.build(fitted, TableVAESettings(**SMALL, **settings))


def test_the_latent_need_not_hold_a_condition_that_the_prior_alone_reads():
    model, fitted = built(("city:Oslo",), prior="conditional", decoder_condition=False)
    place = [column.name for column in fitted.columns].index("city")
    assert [column.detached for column in model.columns] == [at == place for at in range(len(model.columns))]
    latent = torch.randn(4, 3, requires_grad=True)
    rows_of = fitted.batch(fitted.encode(ROWS[:4]))
    cells = model.vae.decoder(latent).cells(rows_of["values"])
    assert torch.autograd.grad(cells[:, place].sum(), latent, retain_graph=True)[0].abs().sum() == 0
    assert torch.autograd.grad(cells[:, place - 1].sum(), latent)[0].abs().sum() > 0
    with pytest.raises(ConfigError, match="Expected a condition where decoder_condition is false"):
        built(prior="conditional", decoder_condition=False)


def test_a_category_is_inferred_as_one_class():
    cities = ("city:Bergen", "city:Oslo", "city:Tromsø")
    model, fitted = built(cities, semi_supervised=True)
    batch = fitted.batch(fitted.encode(ROWS[:9]), np.full((9, 3), np.nan))
    inferred = model.infer_condition(batch).numpy() * fitted.standardization.std + fitted.standardization.mean
    assert set(map(tuple, inferred.round(3).tolist())) <= {(0, 0, 1), (0, 1, 0), (1, 0, 0)}
    assert inferred.sum(1) == pytest.approx(np.ones(9), abs=1e-5)
    assert classes_of(built(cities[:2])[1]) == []
    oracles = RECIPE.oracles.make(model.eval(), fitted, lambda name, make: make())
    assert {f"inferred_{name}" for name in cities} <= set(oracles)


def test_conditions_are_inferred_from_the_other_columns():
    """A label that the encoder could read in the row itself would be inferred from nothing else."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 400)
    table = generator.normal(3.0 * label[:, None] - 1.5, 0.5, (400, 2)).round(3)
    found = [{"x": x, "y": y, "label": int(one)} for (x, y), one in zip(table.tolist(), label.tolist(), strict=True)]
    fitted = RECIPE.fit([rows.text(row) for row in found], label[:, None].astype(float), ("label",))
    torch.manual_seed(0)
    model = RECIPE.build(fitted, TableVAESettings(**SMALL, semi_supervised=True, label_values=(0.0, 1.0)))
    known = np.where(np.arange(400) < 40, label, np.nan)[:, None]
    batch = fitted.batch(fitted.encode([row | {"label": row["label"] if at < 40 else None}
                                        for at, row in enumerate(found)]), known)  # fmt: skip
    optimizer, noise = torch.optim.Adam(model.parameters(), 1e-2, fused=True), torch.Generator().manual_seed(0)
    for step in range(60):
        optimizer.zero_grad()
        model.loss(batch.select(torch.randint(400, (128,), generator=noise)), step, noise)["loss"].backward()
        optimizer.step()
    oracle = RECIPE.oracles.make(model.eval(), fitted, lambda name, make: make())["inferred_label"]
    inferred = [round(score.value) for score in oracle.score([row | {"label": None} for row in found[40:]])]
    assert (np.array(inferred) == label[40:]).mean() > 0.95
    lies = [round(score.value) for score in oracle.score([row | {"label": 0} for row in found[40:]])]
    assert lies == inferred

"""Draws of the shipped model that `generate` keeps: without `raw`, only canonically written molecules."""

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.items import Refusal


def draws(raw, n):
    model = load_model("molecules", None, "cpu")
    generation = Generation(resolve_draws(model, GenerateSettings(n=n, raw=raw, seed=3, threads=1)))
    return [item for chunk in generation for item in chunk["item"]], generation.summary(), model


def test_malformed_draws_are_passed_over_and_counted():
    kept, summary, model = draws(False, 100)
    parts = ("written", "undecoded", "malformed", "repeated", "rejected", "failed")
    assert summary["written"] == len(kept) == 100
    assert summary["drawn"] == sum(summary[name] for name in parts)
    assert summary["malformed"] > 20
    encoded = model.representation.encode([model.domain.items.parse(text) for text in kept])
    assert not any(isinstance(one, Refusal) for one in encoded)
    batch = model.representation.batch(encoded)
    assert model.representation.well_formed(batch, model.representation.decode(batch)).all()
    raw, told, _ = draws(True, 100)
    assert told["malformed"] == 0
    assert told["drawn"] == len(raw) == 100
    assert 30 < len(set(raw) & set(kept)) < 90  # of the same noise, only the well formed are kept

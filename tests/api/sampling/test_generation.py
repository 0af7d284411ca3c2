"""Draws of a shipped model that `generate` keeps: without `raw`, only canonically written molecules."""

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling import generation
from sciencegen.api.sampling import request as known
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.items import Refusal


def draws(raw, n):
    model = load_model("molecules", "molecules-language-model", "cpu")
    generation = Generation(resolve_draws(model, GenerateSettings(n=n, raw=raw, seed=3, threads=1)))
    return [item for chunk in generation for item in chunk["item"]], generation.summary(), model


def test_a_note_counts_the_draws_that_are_training_items(monkeypatch):
    first, _, model = draws(False, 10)
    monkeypatch.setattr(generation, "training_texts", lambda model: frozenset([*first[:3], "C"]))
    monkeypatch.setattr(generation, "data_of", lambda folder: "runs/actives/data")
    made = Generation(resolve_draws(model, GenerateSettings(n=10, seed=3, threads=1)))
    assert [item for chunk in made for item in chunk["item"]] == first
    assert made.notes == ["3 of 10 items are training items of the model (runs/actives/data)"]


def test_the_shipped_model_has_no_training_items_to_compare_with():
    assert known.training_texts(load_model("molecules", None, "cpu")) == frozenset()


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

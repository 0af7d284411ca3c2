"""The request for draws, checked before drawing."""

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings


def test_what_no_data_have_is_told_beforehand():
    model = load_model("molecules", None, "cpu")
    notes = lambda *where: resolve_draws(model, GenerateSettings(n=1, where=where, threads=1)).notes  # noqa: E731
    assert notes("logp in 5..7", "qed >= 0.9") == []
    (note,) = notes("logp = 30", "qed >= 0.9")
    assert "'logp = 30' lies beyond the data's -2 to 6" in note


def test_what_only_the_model_knows_is_told_with_what_would_check_it():
    request = resolve_draws(load_model("molecules", "qm9-molecules", "cpu"), GenerateSettings(n=1, where=("gap=6",)))
    assert any("`predictors` gap=qm9-properties filters" in note for note in request.notes)

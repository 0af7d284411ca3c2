"""A model's likelihood of the items to compare with."""

import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.scores import CODED, figures_of_model
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, CodeLength

MODEL = "molecules-language-model"
TEXTS = ["CCO", "c1ccccc1", "not a molecule", "C[N+](C)(C)C"]


@pytest.fixture(scope="module")
def loaded():
    return load_model("molecules", MODEL, "cpu")


def test_items_that_the_model_reads_are_coded(loaded):
    found = figures_of_model("molecules", loaded, TEXTS)
    codes = loaded.oracles[LOG_LIKELIHOOD].code_lengths([loaded.domain.items.parse(text) for text in TEXTS[:2]])
    assert found["bits_per_item"] == pytest.approx(sum(one.bits for one in codes) / 2)


def test_many_items_are_evenly_spaced(loaded, monkeypatch):
    seen = []

    def code_lengths(self, items):
        seen.extend(items)
        return [CodeLength(1.0, 1)]

    monkeypatch.setattr("sciencegen.domains.likelihoods.LogLikelihood.code_lengths", code_lengths)
    figures_of_model("molecules", loaded, ["C" * (1 + row % 9) for row in range(5 * CODED)])
    assert len(seen) == CODED
    assert {item.GetNumAtoms() for item in seen} == set(range(1, 10))


@pytest.mark.parametrize(("model", "reference"), [("qm9-conformers", TEXTS), (MODEL, []), (MODEL, "no-such/set")])
def test_without_a_likelihood_or_items_there_are_no_figures(model, reference):
    assert figures_of_model("molecules", load_model("molecules", model, "cpu"), reference) == {}

"""How likely models find items: the model's own density, one item at a time; a failure where it has none."""

import numpy as np
import pytest
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.batch import Batch
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, CodesItems, LogLikelihood, code_figures
from sciencegen.items import Refusal


class Numbers:
    """Items that are numbers; negative ones can't be encoded."""

    def encode(self, items):
        return [Refusal("below 0") if item < 0 else np.array([item], np.float32) for item in items]

    def batch(self, encoded, values=None):
        return Batch({"x": torch.from_numpy(np.stack(encoded))})


def test_each_item_is_read_by_itself_and_failures_say_why():
    rows = []

    def density(batch):
        rows.append(len(batch))
        return batch["x"][:, 0].log()

    scores = LogLikelihood(Numbers(), density, torch.device("cpu")).score([1.0, -1.0, 0.0])
    assert rows == [1, 1]
    assert scores[0].value == 0.0
    assert [one.failure for one in scores[1:]] == ["below 0", "its likelihood isn't finite"]


@pytest.fixture(scope="module")
def molecules():
    return load_model("molecules", "molecules-language-model", "cpu")


def test_a_sequence_model_gives_the_exact_likelihood_of_its_tokens(molecules):
    texts = ["CCO", "CC(=O)Nc1ccc(O)cc1", "C[N+](C)(C)C"]
    items = [molecules.domain.items.parse(text) for text in texts]
    *known, unknown = molecules.oracles[LOG_LIKELIHOOD].score(items)
    representation, network = molecules.representation, molecules.model
    batch = representation.batch(representation.encode(items[:2]))
    exact = network.log_prob(batch)
    assert [score.value for score in known] == pytest.approx(exact.tolist(), abs=1e-3)
    assert unknown.failed
    silent = torch.zeros(2, network.settings.code)
    parts = network.likelihood(silent, batch.with_condition(None)).log_prob(
        batch["tokens"]
    )  # the decoder without a code
    assert exact.tolist() == pytest.approx(parts.tolist(), abs=1e-3)


def test_bits_are_those_of_the_likelihood_over_tokens(molecules):
    """An item that the model can't encode has no code."""
    oracle, items = molecules.oracles[LOG_LIKELIHOOD], list(map(molecules.domain.items.parse, ["CCO", "C[N+](C)(C)C"]))
    assert isinstance(oracle, CodesItems)
    (code,) = oracle.code_lengths(items)
    assert code.bits == pytest.approx(-oracle.score(items)[0].value / np.log(2))
    assert code.values == len(molecules.representation.encode(items)[0])
    assert code_figures([code])["bits_per_value"] == pytest.approx(code.bits / code.values)
    assert code_figures([]) == {}


def test_it_is_a_name_to_ask_for_and_nothing_that_predictors_learn_from(molecules):
    assert list(molecules.oracles) == [LOG_LIKELIHOOD]
    assert not molecules.usual_oracles

"""What is said of a fine-tuned model's draws."""

import numpy as np
import pytest

from sciencegen.api.models.data import DRAWS, TrainingData, TunedDraws, draws_near
from sciencegen.api.models.plan import make_plan
from sciencegen.batch import Batch
from sciencegen.config import TrainSettings
from sciencegen.domains import load_domain
from sciencegen.items import Refusal

MOLECULES = load_domain("molecules")


class Scripted:
    """A model and a representation in one: draw k is the text at position k of a cycle."""

    latent_size = semantic_size = 2
    properties, canonical = (), True

    def __init__(self, texts):
        self.texts = texts

    def generate(self, noise, condition=None, accept=None):
        return Batch({"noise": noise})

    def decode(self, batch):
        cycle = [self.texts[row % len(self.texts)] for row in range(len(batch))]
        return [MOLECULES.items.parse(text) if text else Refusal("no end") for text in cycle]

    def well_formed(self, batch, items):
        return np.array([not isinstance(item, Refusal) for item in items])


def draws_of(texts, items, count=DRAWS):
    scripted = Scripted(texts)
    data = TrainingData(scripted, [], np.empty((0, 0)), items, ([], []), 0, {})
    return draws_near(scripted, data, MOLECULES, 0, count)


def test_draws_are_counted_as_well_formed_near_and_new():
    items = ["CC(=O)Nc1ccc(O)cc1", "c1ccncc1"]
    draws = draws_of(["c1ccncc1", "CC(=O)Nc1ccc(OC)cc1", "", "C1CCCCC1"], items)
    assert (draws.well_formed, draws.near, draws.new) == (
        0.75,
        pytest.approx(2 / 3, abs=0.01),
        pytest.approx(2 / 3, abs=0.01),
    )
    assert draws.metrics()["draws_near"] == draws.near
    (sentence,) = TunedDraws(0.9, 0.4, 0.95, 0.3).sentences(600)
    assert sentence.startswith(
        f"of {DRAWS} draws without a condition 90% are well formed; of these 40% are near your items"
    )


def test_a_slow_model_draws_fewer():
    draws = draws_of(["CCO", ""], ["CCO"], 6)
    assert draws.metrics() == {
        f"draws_{name}": value
        for name, value in zip(("well_formed", "near", "new", "similarity"), (0.5, 1.0, 0.0, 1.0), strict=True)
    }
    assert draws.sentences(600, 6)[0].startswith("of 6 draws")


def test_malformed_draws_are_warned_of():
    draws = draws_of([""], ["CCO"])
    assert draws.metrics() == {"draws_well_formed": 0.0}
    assert "note: most draws are malformed" in draws.sentences(600)[1]


def test_more_steps_are_advised_where_few_draws_are_near():
    assert TunedDraws(0.9, 0.2, 0.95, 0.3).sentences(600)[1:] == []
    (note,) = TunedDraws(0.94, 0.08, 0.99, 0.26).sentences(600)[1:]
    assert note == "note: few draws are near your items. More steps bring draws nearer, such as `training` steps=600."


@pytest.mark.parametrize(("steps", "advised"), [(20, 300), (300, 600), (500, 1000)])
def test_the_advice_is_twice_the_steps_or_the_default(steps, advised):
    settings = TrainSettings.model_validate({"from": "molecules", "training": {"steps": steps}, "threads": 1})
    assert make_plan("molecules", "moses", None, settings).more_steps == advised

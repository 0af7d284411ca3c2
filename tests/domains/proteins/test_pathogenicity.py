"""Classes of variants: the lower the score the more damaging, a quarter has none, and bad scores never get one."""

import numpy as np
import pytest

from sciencegen.domains.proteins.pathogenicity import variant_classes
from sciencegen.errors import ConfigError


@pytest.fixture(scope="module")
def scores():
    generator = np.random.default_rng(0)
    return np.concatenate([generator.normal(-2, 1.2, 2000), generator.normal(-9, 2.5, 3000)])


def test_low_scores_are_damaging(scores):
    found = variant_classes(scores).values([0.0, -2.0, -9.0, -40.0])
    assert found["class"] == ["benign", "benign", "damaging", "damaging"]
    assert found["damaging"][0] < 0.02
    assert found["damaging"][3] > 0.99


def test_probabilities_and_classes_are_monotone_in_the_score(scores):
    found = variant_classes(scores).values(np.linspace(30, -60, 2000))
    assert (np.diff(found["damaging"]) >= 0).all()
    order = {"benign": 0, "uncertain": 1, "damaging": 2}
    assert (np.diff([order[one] for one in found["class"]]) >= 0).all()
    assert set(found["class"]) == set(order)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.6])
def test_the_most_uncertain_share_has_no_class(scores, share):
    found = variant_classes(scores, share).values(scores)
    uncertain = np.array(found["class"]) == "uncertain"
    assert uncertain.mean() == pytest.approx(share, abs=0.002)
    doubt = 0.5 - np.abs(np.array(found["damaging"]) - 0.5)
    if share:
        assert doubt[uncertain].min() >= doubt[~uncertain].max() - 1e-12


def test_a_variants_class_depends_on_its_score_alone(scores):
    classes = variant_classes(scores)
    together = classes.values(scores[:50])
    alone = [classes.values([score]) for score in scores[:50]]
    assert together["class"] == [one["class"][0] for one in alone]
    assert together["damaging"] == [one["damaging"][0] for one in alone]


@pytest.mark.parametrize("few", [[], [1.0, -3.0], [-2.0] * 500, [float("nan")] * 100])
def test_where_there_are_no_groups_everything_is_uncertain_and_it_is_said(few):
    classes = variant_classes(few)
    found = classes.values([0.0, -100.0, float("nan")])
    assert found["class"] == ["uncertain"] * 3
    assert np.isnan(found["damaging"]).all()
    assert classes.notes()[0].startswith("no classes, every variant is uncertain")


def test_classes_of_scores_that_hardly_differ_are_doubted(scores):
    assert variant_classes(scores).doubts() == []
    (told,) = variant_classes(scores / 50).doubts()
    assert "mean little, by the scores of single substitutions: they spread by 0.08 nats only. Train longer" in told
    assert variant_classes([-2.0] * 500).doubts() == [], "there are no classes to doubt"


def test_a_score_that_is_none_has_no_class(scores):
    found = variant_classes(scores).values([float("nan")])
    assert found["class"] == ["uncertain"]
    assert np.isnan(found["damaging"][0])


def test_it_says_what_it_is(scores):
    note = variant_classes(scores).notes()[0]
    assert "5000 single substitutions" in note
    assert "no clinical finding" in note


def test_a_share_that_is_none_is_refused(scores):
    with pytest.raises(ConfigError, match="share set aside"):
        variant_classes(scores, 1.0)

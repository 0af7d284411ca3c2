"""Draws are kept if they can be made, and replaced by what can be made and meets the request if not."""

from types import SimpleNamespace

import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.judge import Judged
from sciencegen.api.sampling.request import Asked, Replace, Replacement, replacement_notes, resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.data.workers import Failure
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.molecules.synthesis.stocks import BLOCKS

AMIDE = "CC(=O)NCc1ccccc1"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("blocks") / "blocks.smi"
    path.write_text("".join(f"{smiles}\n" for smiles in BLOCKS))
    return str(path)


@pytest.fixture(scope="module")
def task(path):
    settings = GenerateSettings(n=1, blocks=path, maximum_steps=1, include=("mw",), forbid=("Br",), threads=1)
    request = resolve_draws(load_model("molecules", None, "cpu"), settings)
    return Replace("molecules", request.blocks.find, Generation(request)._judge())


def drawn(text):
    return Judged(text, text, [100.0], True, True)


def test_a_draw_that_can_be_made_is_the_first_of_its_analogues(task):
    ((first, *others),) = task([(drawn(AMIDE), True)])
    assert (first.text, first.how[-2:]) == (AMIDE, (AMIDE, 1.0))
    assert replay(first.how[0]).smiles == AMIDE
    similarities = [one.how[-1] for one in others]
    assert similarities == sorted(similarities, reverse=True)
    assert all(one.how[-2] == AMIDE != one.text for one in others)


def test_what_replaces_a_draw_is_judged_by_the_request(task):
    ((first, *_), nothing) = task([(drawn("CC(=O)Nc1ccc(Br)cc1"), True), (drawn(AMIDE), False)])
    assert not first.accepted  # it can be made, but holds a forbidden pattern
    assert first.values == [pytest.approx(214.06, abs=0.01)]
    assert nothing == []


def replaced(draws, satisfies=lambda one: one.accepted):
    """The results with analogues "a", "b" of each draw in place of the task's."""
    replacement = Replacement(SimpleNamespace(), 1, satisfies, lambda results: results)
    made = [drawn("a"), drawn("b")]
    return [replacement._chosen(draw, made) for draw in draws]


def test_the_first_that_was_not_chosen_before_stands_for_a_draw():
    assert [one.text for one in replaced([drawn("x"), drawn("y"), drawn("z")])] == ["a", "b", "a"]


def test_a_draw_is_rejected_if_nothing_in_its_place_meets_the_request():
    (found,) = replaced([drawn("x")], satisfies=lambda one: one.text == "x")
    assert (found.text, found.accepted) == ("x", False)


def test_a_crash_is_the_draws_failure():
    replacement = Replacement(SimpleNamespace(), 1, lambda one: True, lambda results: results)
    assert replacement._chosen(drawn("x"), Failure("crashed")) == Failure("crashed")


def test_draws_that_miss_the_request_are_passed_on(task):
    replacement = Replacement(task, 1, lambda one: False, lambda results: results)
    draws = [drawn("x"), Refusal("none"), Failure("crashed")]
    assert [one for (one,) in replacement(draws)] == draws


def test_settings_that_replaced_draws_cannot_keep_are_refused(path):
    for wrong in ({"raw": True}, {"core": "c1ccc([*:1])cc1"}):
        asked = Asked(DOMAIN, DOMAIN.recipes["smiles-vae"], None, GenerateSettings(blocks=path, **wrong), "it")
        with pytest.raises(ConfigError, match=f"`{next(iter(wrong))}` or `blocks`"):
            asked.check()


def test_a_note_counts_the_replaced():
    assert replacement_notes([], 3) == []
    assert "2 of 3 items" in replacement_notes([0.2, 0.4], 3)[0]
    assert "0.30" in replacement_notes([0.2, 0.4], 3)[0]

"""Measured variants beside a family: their rows, their weights, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins.models import alignment_vae, fit, load
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal, Row
from sciencegen.vae.alignment_vae import AlignmentVAESettings

FORM = load_domain("proteins/aligned")
CONTEXT = {"reference": "MAKVWC", "first": 11, "columns": [1, 2, 3, 4, 5]}
FAMILY = [Row(1, "AKVWC", {"weight": 0.5, "mutations": 0.0}, "F"), Row(2, "AKVWG", {"weight": 1.5, "mutations": 1.0})]


def table(*rows: tuple[str, float | None]):
    values = [{} if value is None else {"fitness": value, "position": 3.0} for _, value in rows]
    return lambda: (Row(line, text, one) for line, ((text, _), one) in enumerate(zip(rows, values, strict=True), 2))


GOOD = tuple((f"A12{letter}", 1.0) for letter in "GVLICFYMHN")


def joined(*rows: tuple[str, float | None]) -> list[Row]:
    return list(FORM.form.family.with_measured(FAMILY, CONTEXT, table(*rows, *GOOD), "fitness"))[: 2 + len(rows)]


def reason(row: Row) -> str:
    found = FORM.items.parse(row.text)
    assert isinstance(found, Refusal)
    return found.reason


def test_variants_follow_the_family_as_its_rows_and_weigh_nothing():
    rows = joined(("A12G", 2.0), ("A12G:K13R", -1.0))
    assert [row.text for row in rows] == ["AKVWC", "AKVWG", "GKVWC", "GRVWC"]
    assert [row.values.get("fitness") for row in rows] == [None, None, 2.0, -1.0]
    assert [row.values["mutations"] for row in rows] == [0, 1, 1, 2]
    assert [row.values["weight"] for row in rows] == [0.5, 1.5, 0.0, 0.0]


def test_a_member_that_was_measured_keeps_its_weight():
    rows = joined(("WT", 0.0), ("A12G", 1.0), ("C16G", 2.0), ("C16G", 3.0))
    assert [(row.values["weight"], row.values["fitness"]) for row in rows[:2]] == [(0.5, 0.0), (1.5, 2.0)]
    assert [row.text for row in rows[2:]] == ["AKVWC", "GKVWC", "AKVWG", "AKVWG"]


def test_what_is_no_variant_of_the_family_is_refused():
    rows = joined(("M11A", 1.0), ("K12A", 1.0), ("K13A", None), ("", 2.0))[2:]
    expected = ["position 11 has no column", "says K at 12", "no number in 'fitness'", "empty"]
    for part, row in zip(expected, rows, strict=True):
        assert reason(row).startswith("measured variants: ")
        assert part in reason(row)


def test_tables_that_can_not_stand_beside_the_family_are_errors():
    for name, rows, error, said in (
        ("fitnes", GOOD, ConfigError, "'fitnes'. Did you mean 'fitness'"),
        ("fitness", GOOD[:9], DataError, "Expected 10 or more measured variants .* found 9 .no other row"),
        ("fitness", (("K12A", 1.0), *GOOD[:3]), DataError, "found 3 .measured variants: .*says K at 12"),
        ("weight", GOOD, ConfigError, "another name for the measured column 'weight'"),
    ):
        with pytest.raises(error, match=said):
            FORM.form.family.with_measured(FAMILY, CONTEXT, table(*rows), name)


def test_a_representation_of_both_knows_what_only_variants_have():
    names, context = ("mutations", "fitness", "weight"), CONTEXT | {"measured": "fitness"}
    texts, none = ["AKVWC", "A-VWG", *(f"{one}KVWC" for one in "GCDEF")], np.nan
    values = np.array([[0, none, 1], [1, none, 1], *([1, float(one), 0] for one in range(5))])
    made = fit(texts, values, names, context)
    assert (made.measured, made.family) == ("fitness", True)
    assert made.gaps[1] == pytest.approx(1.5 / 3)  # variants, which have no gaps, say nothing of the family's
    assert load(made.to_json()).to_json() == made.to_json()
    model = alignment_vae(made, AlignmentVAESettings(members=1, hidden=4, latent=2))
    assert (model.inputs, model.landscape.place) == ([], 1)
    alone = fit(texts, values[:, [0, 2]], ("mutations", "weight"), context)
    assert alone.measured == ""
    assert alignment_vae(alone, AlignmentVAESettings(members=1, hidden=4, latent=2)).landscape is None
    with pytest.raises(DataError, match="Expected numbers in fitness among 2 rows"):
        fit(texts[:2], values[:2], names, context)


def test_one_measured_value_of_variants_alone_steers_draws_and_several_condition_the_networks():
    names, context = ("mutations", "fitness", "weight"), CONTEXT | {"family": False}
    texts = ["AKVWC", *(f"AKVW{one}" for one in "GDEF")]
    values = np.array([[0, 1.0, 1], *([1, float(one), 1] for one in range(4))])
    made, small = fit(texts, values, names, context), AlignmentVAESettings(members=1, hidden=4, latent=2)
    assert (made.measured, made.family) == ("fitness", False)
    assert load(made.to_json()).to_json() == made.to_json()
    model = alignment_vae(made, small)
    assert (model.inputs, model.landscape.place) == ([], 1)
    inferring = alignment_vae(made, replace(small, semi_supervised=True))
    assert (inferring.inputs, inferring.landscape) == ([1], None)
    several = fit(texts, values[:, [0, 1, 1, 2]], ("mutations", "fitness", "stability", "weight"), context)
    assert several.measured == ""
    assert alignment_vae(several, small).inputs == [1, 2]


def test_too_few_measured_rows_are_refused_before_a_training():
    """Rows without a value, or with a gap, tell nothing of a mutation's effect."""
    names, context = ("mutations", "fitness", "weight"), CONTEXT | {"family": False}
    texts = ["AKVWC", "A-VWC", *(f"AKVW{one}" for one in "GDEF")]
    values = np.array([[0, 1.0, 1], [0, 2.0, 1], [1, np.nan, 1], *([1, float(one), 1] for one in range(3))])
    with pytest.raises(DataError, match=r"Expected 5 or more rows .* in fitness and without gaps, found 4 of 6\."):
        fit(texts, values, names, context)
    values[2, 1] = 4.0
    assert fit(texts, values, names, context).measured == "fitness"

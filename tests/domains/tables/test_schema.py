import json
import math

import pytest

from sciencegen.domains.tables import rows
from sciencegen.domains.tables.column_choice import automatic, columns_of
from sciencegen.domains.tables.schema import fit_cells, load_column
from sciencegen.errors import ConfigError, DataError, UnknownNameError
from tests.domains.tables.known_table import LIKELIHOODS, texts


def fit_columns(table):
    return fit_cells(rows.known_cells(table), len(table))


ROWS = [rows.parse(text) for text in texts(400, seed=2)]
SCHEMA = fit_columns(ROWS)


def made(**columns) -> list[dict]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def test_each_column_has_its_kind_and_likelihood():
    assert {column.name: automatic(column) for column in SCHEMA} == LIKELIHOODS
    kinds = {column.name: column.kind for column in SCHEMA}
    assert kinds["height"] == kinds["income"] == "number"
    assert kinds["visits"] == "count"
    assert {column.name: column.decimals for column in SCHEMA}["income"] == 2


def test_a_schema_is_plain_data():
    assert tuple(load_column(json.loads(json.dumps(column.to_json()))) for column in SCHEMA) == SCHEMA


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": range(9)}, "Expected 10 or more rows .*, got 9"),
        ({"a": [1], "b": [2]}, "10 or more rows to learn from, got 1. Add rows"),
        ({"a": range(20), "same": [3.5] * 20}, "'same' holds only '3.5'. Name the others: `column` a"),
        ({"a": range(20), "none": [None] * 20}, "'none' is empty. Name the others: `column` a"),
        ({"name": [f"n{at}" for at in range(20)]}, r"'n0'\. Add a column of numbers or categories"),
        ({"day": [f"2026-{at}" for at in range(10, 30)]}, "Write numbers without units, and dates as numbers"),
        ({"price": [f"$ {at}" for at in range(20)]}, "Write numbers without units, and dates as numbers"),
        (
            {"level": [f"{at}" if at % 3 else "low" for at in range(60)]},
            "41 different texts in 60 rows, 40 of them numbers, such as 'low'",
        ),
    ],
)
def test_columns_of_which_nothing_can_be_learned(columns, message):
    with pytest.raises(DataError, match=message):
        fit_columns(made(**columns))


def test_names_are_left_out_and_told():
    with pytest.warns(UserWarning, match="names are kept in the data and not learned: 'who' has 20 different texts"):
        (column,) = fit_columns(made(a=range(20), who=[f"cell line {at}" for at in range(20)]))
    assert column.name == "a"


@pytest.mark.parametrize("time", ["", "T10:30:05"])
def test_dates_are_days_and_written_as_dates(time):
    days = [f"20{at}-03-1{at % 10}{time}" for at in range(10, 50)]
    (column,) = fit_columns(made(day=days))
    assert (column.numeric, column.date) == (True, "time" if time else "day")
    assert [column.cell(rows.days_of(day)) for day in days] == days
    assert load_column(column.to_json()) == column


def test_booleans_and_mixed_cells_are_categories():
    member, mixed = fit_columns(made(member=[True, False] * 10, mixed=["a", 3] * 10))
    assert member.categories == (False, True)
    assert mixed.categories == ("3", "a")


@pytest.mark.parametrize(
    ("values", "likelihood"),
    [
        (range(1950, 2020), "discretized_logistic"),
        ([-5, 3, 40, 7, -30, 1, 2, 4, 5, 6, 8, 9] * 5, "discretized_logistic"),
        ([10**6 + 7 * at**2 for at in range(60)], "gaussian"),
        ([0.1 * at - 3 for at in range(60)], "gaussian"),
        ([1.3**at + 0.25 for at in range(60)], "log_normal"),
        ([max(1.3**at - 2.25, 0.0) for at in range(60)], "log_normal"),
        ([0, 1] * 20, "bernoulli"),
    ],
)
def test_likelihoods_of_numbers(values, likelihood):
    (column,) = fit_columns(made(a=list(values)))
    assert automatic(column) == likelihood


def test_numbers_from_0_on_have_no_negative_draws():
    (column,) = fit_columns(made(fare=[0.0, *(0.25 + 1.2**at for at in range(40))]))
    assert 0 < column.shift < 2
    assert (column.cell(-0.3), column.cell(0.254)) == (0, 0.254)
    (other,) = fit_columns(made(change=[-0.5 + 0.1 * at for at in range(40)]))
    assert other.cell(-0.3) == -0.3


def test_the_settings_choose():
    found = columns_of(SCHEMA, {"height": "student_t", "visits": "poisson", "rating": "negative_binomial"})
    assert [one.likelihood for one in found][:1] == ["student_t"]
    assert {one.likelihood for one in found} >= {"poisson", "negative_binomial"}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"height": "poisson"},
            "needs whole numbers from 0 on, not .* with decimals. Leave it out: gaussian is chosen",
        ),
        ({"city": "gaussian"}, "needs numbers, not 3 categories. Leave it out: categorical"),
        ({"city": "bernoulli"}, "needs two categories, not 3 categories"),
        ({"age": "categorical"}, "needs categories or whole numbers of few values"),
        ({"age": "log_normal"}, "needs numbers from 0 on, not -"),
        ({"height": "discretized_logistic"}, "needs whole numbers"),
    ],
)
def test_a_likelihood_that_does_not_fit_is_an_error(chosen, message):
    with pytest.raises(ConfigError, match=message):
        columns_of(SCHEMA, chosen)


@pytest.mark.parametrize("chosen", [{"heigth": "gaussian"}, {"height": "gausian"}])
def test_unknown_names_have_near_ones(chosen):
    with pytest.raises(UnknownNameError, match=r"Did you mean '(height|gaussian)'"):
        columns_of(SCHEMA, chosen)


def test_rounding_errors_are_no_decimals_and_no_draw_has_a_sign_that_the_data_lack():
    (column,) = fit_columns(made(price=[6.890000000000001, 0.05, 12.5, *[3.25] * 20]))
    assert column.decimals == 2
    assert column.cell(-3.0) == 0.0


def test_the_columns_to_keep_are_named_as_a_shell_reads_them():
    table = [{"a": at, "b, c": at / 2, "same": 7} for at in range(20)]
    with pytest.raises(DataError, match=r"`column` 'a,\"b, c\"'"):
        fit_columns(table)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (0, "mean", []), (0, "std", 0), (0, "std", math.nan), (0, "log_std", -1.0), (0, "low", 1e308), (0, "shift", -1),
        (0, "high", None), (0, "decimals", 2.5), (0, "decimals", 99), (0, "kind", "text"), (0, "name", " "),
        (0, "mean", True), (0, "mean", 10**400), (0, "categories", ["a", "b"]), (-1, "categories", []),
        (-1, "categories", ["a", "a"]), (-1, "categories", ["a", 1]), (-1, "categories", [["a"], ["b"]]),
    ],
)  # fmt: skip
def test_columns_that_contradict_themselves_are_not_loaded(place, name, value):
    columns = fit_columns([{"x": number / 7, "city": "Oslo" if number % 2 else "Bergen"} for number in range(20)])
    with pytest.raises(ValueError, match="expected columns as `train` writes them"):
        load_column(columns[place].to_json() | {name: value})


def test_columns_of_one_array_are_classes_together():
    """Of two numbered columns, one with 3 different counts and one with 20, none holds classes."""
    few, many = [at % 3 for at in range(60)], [at % 20 for at in range(60)]
    rows = [{"x0": one, "x1": other, "y0": one, "y1": one + 1} for one, other in zip(few, many, strict=True)]
    assert [column.categories for column in fit_columns(rows)] == [(), (), (0, 1, 2, 3), (0, 1, 2, 3)]

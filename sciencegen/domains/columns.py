"""Columns of tables, and numbers of arrays: dates as numbers, what a column holds, and its likelihood."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError
from sciencegen.items import Json

if TYPE_CHECKING:
    from sciencegen.vae.array_columns import LikelihoodColumn

# Dates: texts in ISO 8601, whose number is that of days.

ORDERS = ("ymd", "dmy", "mdy")
"""Of year, month and day in a date."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"(\d{1,4})([-/. ])(\d{1,2}|[A-Za-z]{3,9})\2(\d{1,4})(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)0*(Z|\+00:00)?)?"
)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?")
_EPOCH = datetime(1970, 1, 1)
_DAY = timedelta(days=1)
_FIRST_DAY, _LAST_DAY = ((one - _EPOCH) / _DAY for one in (datetime.min, datetime(9999, 12, 31)))


def iso_date(text: str, order: str = "ymd") -> str | None:
    """A date in ISO 8601, of a text such as 24.12.2021, 12/24/2021, 24-Dec-2021 or 2021-12-24 10:30; None for another
    text.

    Examples
    --------
    >>> from sciencegen.domains.columns import iso_date
    >>> iso_date("24.12.2021", "dmy"), iso_date("12/24/2021", "mdy"), iso_date("2021-12-24 10:30")
    ('2021-12-24', '2021-12-24', '2021-12-24T10:30')
    """
    match = _DATE.fullmatch(text) if text[:1].isdigit() else None
    if match is None:
        return None
    parts = dict(zip(order, match.group(1, 3, 4), strict=True))
    if len(parts["y"]) != 4 or not parts["d"].isdigit() or len(parts["d"]) > 2:
        return None
    month = parts["m"].lower()[:3]
    found = f"{parts['y']}-{_MONTHS.index(month) + 1 if month in _MONTHS else month:0>2}-{parts['d']:0>2}"
    found += f"T{match[5]}" if match[5] else ""
    return None if math.isnan(days_of(found)) else found


def days_of(text: str) -> float:
    """Days from 1970-01-01 to a date in ISO 8601, NaN for another text."""
    if ISO_DATE.fullmatch(text) is None:
        return math.nan
    try:
        return (datetime.fromisoformat(text) - _EPOCH) / _DAY
    except ValueError:
        return math.nan


def date_after(days: float, with_time: bool) -> str:
    """The date so many days after 1970-01-01, to the second if it has a time; one that no calendar has is the nearest
    that it has."""
    days = min(max(days, _FIRST_DAY), _LAST_DAY)
    if not with_time:
        return (_EPOCH + timedelta(days=round(days))).date().isoformat()
    return (_EPOCH + timedelta(seconds=round(86400 * days))).isoformat()


def are_dates(cells: Iterable[object]) -> bool:
    """Whether there are cells, and all are dates in ISO 8601."""
    found = False
    for cell in cells:
        if not isinstance(cell, str) or math.isnan(days_of(cell)):
            return False
        found = True
    return found


# What a column holds.

Scalar = bool | int | float | str
Kind = Literal["number", "whole", "count", "category"]
"""Real numbers, whole ones, whole ones from 0 on, and texts or Booleans."""
SMALL = 0.05
"""Quantile of the positive numbers that is added to numbers from 0 on before their logarithm is taken."""
MOST_DECIMALS = 6
DIGITS = 12
"""Of real numbers; further ones are rounding errors, as in 6.890000000000001."""
NUMBERS = ("mean", "std", "log_mean", "log_std", "shift", "low", "high")
"""Fields of a column that are finite numbers."""
CONSTANT = 1e-12
"""A standard deviation below this share of the mean is rounding error."""


@dataclass(frozen=True)
class ColumnSchema:
    """One column.

    Parameters
    ----------
    name : str
    kind : str
    categories : tuple
        The texts or Booleans of a category; the numbers of a column of few whole ones, in ascending order.
    mean, std : float
        Of the numbers; 0 and 1 for categories.
    log_mean, log_std : float
        Of log(x + shift) of numbers from 0 on.
    shift : float
        1 for counts; 0 for positive numbers; for others from 0 on a small one of them.
    low, high : float
        Range of the numbers.
    decimals : int
        Most decimals of the numbers; -1 if there are more than `MOST_DECIMALS`.
    date : str
        "day" or "time" if the numbers are the days since 1970-01-01 of dates without or with a time; "" for others.
    """

    name: str
    kind: Kind
    categories: tuple[Scalar, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    log_mean: float = 0.0
    log_std: float = 1.0
    shift: float = 0.0
    low: float = 0.0
    high: float = 1.0
    decimals: int = 0
    date: str = ""

    @property
    def numeric(self) -> bool:
        return self.kind != "category"

    def cell(self, value: float) -> Scalar:
        """A number in the column's precision, or its date; 0 for a negative one where the data have none."""
        if self.date:
            return date_after(value, self.date == "time")
        value = max(value, 0.0) if self.low >= 0 else value
        if self.kind != "number":
            return round(value)
        return float(f"{value:.7g}") if self.decimals < 0 else round(value, self.decimals) + 0.0

    def to_json(self) -> Json:
        plain = asdict(self) | {"categories": list(self.categories)}
        return plain if self.date else {name: value for name, value in plain.items() if name != "date"}


def load_column(data: Json) -> ColumnSchema:
    """The inverse of `to_json`; a ValueError for a content that no column has."""
    column = ColumnSchema(**{**data, "categories": tuple(data["categories"])})
    if reason := _contradiction(column):
        raise ValueError(f"expected columns as `train` writes them, found {reason} in column {str(column.name)[:60]!r}")
    return column


def _contradiction(column: ColumnSchema) -> str:
    """What no fitted column has, "" for nothing."""
    if not isinstance(column.name, str) or not column.name.strip() or column.kind not in get_args(Kind):
        return f"kind {str(column.kind)[:60]!r}"
    numbers = {name: getattr(column, name) for name in NUMBERS}
    if odd := [name for name, one in numbers.items() if not _is_finite(one)]:
        return f"{odd[0]} {str(numbers[odd[0]])[:60]!r}"
    if min(column.std, column.log_std) <= 0 or column.shift < 0 or column.low > column.high:
        return f"the moments {numbers}"
    if not isinstance(column.decimals, int) or not -1 <= column.decimals <= MOST_DECIMALS:
        return f"{str(column.decimals)[:60]} decimals"
    if column.date not in ("", "day", "time"):
        return f"date {str(column.date)[:60]!r}"
    if column.numeric:
        one_kind = all(map(_is_finite, column.categories))
    else:
        one_kind = any(all(isinstance(cell, kind) for cell in column.categories) for kind in (str, bool))
    fits = one_kind and len(set(column.categories)) == len(column.categories) != 1
    return "" if fits and (column.numeric or column.categories) else f"the categories {str(column.categories)[:60]}"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def number_column(name: str, values: np.ndarray, levels: tuple[int, ...], cells: Sequence[object]) -> ColumnSchema:
    """The schema of numbers. levels: the few different ones, if they may be classes. cells: some, for decimals."""
    kind = _kind(values)
    mean, std = _moments(values)
    low, high = float(values.min()), float(values.max())
    shift = 1.0 if kind == "count" else 0.0 if low != 0 else float(np.quantile(values[values > 0], SMALL))
    log_mean, log_std = _moments(np.log(values + shift)) if low >= 0 else (0.0, 1.0)
    decimals = _decimals(cells) if kind == "number" else 0
    return ColumnSchema(name, kind, levels, mean, std, log_mean, log_std, shift, low, high, decimals)


def _kind(values: np.ndarray) -> Kind:
    if (values != np.round(values)).any():
        return "number"
    return "count" if values.min() >= 0 else "whole"


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation; that of a constant becomes 1."""
    mean, std = float(values.mean()), float(values.std())
    return mean, std if std > CONSTANT * abs(mean) else 1.0


def _decimals(cells: Sequence[object]) -> int:
    """Most decimals in the shortest text of a number, -1 for more than `MOST_DECIMALS`."""
    most = 0
    for cell in cells:
        text = repr(float(f"{cell:.{DIGITS}g}") if isinstance(cell, float) else cell)
        if "e" in text or (isinstance(cell, float) and math.isinf(cell)):
            return -1
        most = max(most, len(text.partition(".")[2]) if not text.endswith(".0") else 0)
        if most > MOST_DECIMALS:
            return -1
    return most


def unfit(column: ColumnSchema, values: Float[np.ndarray, " part"]) -> str:
    """What a column of numbers can't hold, "" if it can hold these. Missing ones are NaN."""
    if column.kind == "number":
        return ""
    values = values[~np.isnan(values)]
    if (odd := values[values != np.round(values)]).size:
        return f"{odd[0]:g}, expected whole numbers,"
    if column.kind == "count" and (odd := values[values < 0]).size:
        return f"{odd[0]:g}, expected whole numbers from 0 on,"
    if column.categories and (odd := values[~np.isin(values, np.array(column.categories, float))]).size:
        *others, last = column.categories
        return f"{odd[0]:g}, expected {', '.join(map(str, others))} or {last},"
    return ""


# The likelihood that fits.

NEAR_ZERO = 2
"""Counts that begin at most here may be Poisson or negative binomial; others are spread around a centre."""
LARGEST_COUNT = 10_000
"""Greater whole numbers are learned as real ones, and rounded."""
SPREAD = 0.8
"""Variance by mean from which on counts are negative binomial, which has 1 or more given the latent."""
CLEARLY = 0.1
"""Nats for each number by which the logarithms must be nearer to a Gaussian."""


def automatic(column: ColumnSchema) -> str:
    """The likelihood for what a column holds."""
    if column.categories:
        return "bernoulli" if len(column.categories) == 2 else "categorical"
    if column.kind in ("count", "whole") and max(abs(column.low), abs(column.high)) <= LARGEST_COUNT:
        near = column.kind == "count" and column.low <= NEAR_ZERO
        return "negative_binomial" if near and column.std**2 >= SPREAD * column.mean else "discretized_logistic"
    if column.low >= 0 and column.log_mean + math.log(column.log_std) < math.log(column.std) - CLEARLY:
        return "log_normal"
    return "gaussian"


def column_with(column: ColumnSchema, likelihood: str, multinomial: str = "") -> LikelihoodColumn:
    """A column with a likelihood; a ConfigError for one that doesn't fit the data. multinomial: name of the likelihood
    that it shares."""
    from sciencegen.vae.array_columns import CLASSES, LikelihoodColumn  # on use: imports torch

    if reason := misfit(column, likelihood):
        raise ConfigError(
            f"Expected a likelihood that fits '{column.name}', got {likelihood}, which needs {reason}. Leave it out: "
            f"{automatic(column)} is chosen."
        )
    classes = len(column.categories) if likelihood in CLASSES else 0
    levels = tuple(map(float, column.categories)) if classes and column.numeric else ()
    logs = column.log_mean, column.log_std, column.shift
    return LikelihoodColumn(likelihood, column.mean, column.std, *logs, classes, levels, multinomial=multinomial)


def misfit(column: ColumnSchema, likelihood: str) -> str:
    """What a likelihood needs and the column lacks, "" if it fits."""
    from sciencegen.vae.array_columns import CLASSES, COUNTS  # on use: imports torch

    found = f"{column.low:g} to {column.high:g}" if column.numeric else f"{len(column.categories)} categories"
    if likelihood == "bernoulli" and len(column.categories) != 2:
        return f"two categories, not {found}"
    if likelihood == "categorical" and not column.categories:
        return f"categories or whole numbers of few values, not {found}"
    if likelihood not in CLASSES and not column.numeric:
        return f"numbers, not {found}"
    if likelihood in COUNTS and column.kind != "count":
        return f"whole numbers from 0 on, not {found}" + (" with decimals" if column.kind == "number" else "")
    if likelihood == "discretized_logistic" and column.kind == "number":
        return f"whole numbers, not {found} with decimals"
    return f"numbers from 0 on, not {found}" if likelihood == "log_normal" and column.low < 0 else ""

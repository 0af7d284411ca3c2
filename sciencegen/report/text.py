"""Numbers and names as text for readers, and the templates, which escape all text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Bounds = tuple[float | None, float | None]
"""Range of a goal; None for an open end."""


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Characters that are not allowed in HTML, and those that change the direction of the text around them."""

MISSING = "–"


def clean(text: object) -> str:
    """The text with control characters replaced by U+FFFD."""
    return _CONTROL.sub("\ufffd", str(text))


def escape(text: object) -> Markup:
    """The text as HTML content or as a quoted attribute."""
    from markupsafe import escape as escaped

    return escaped(clean(text))


def embedded(picture: str) -> Markup:
    """A picture, which is markup, for a page: without the prolog and the comments of an SVG file."""
    from markupsafe import Markup

    return Markup(re.sub(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>|<!--.*?-->", "", picture, flags=re.S).strip())


def readable(name: str) -> str:
    """A column's name as words: "similarity_to_training" reads "similarity to training"."""
    return name.replace("_", " ")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, NaN included, and not a bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def finite(values: Iterable[object]) -> list[float]:
    """The finite numbers among the values."""
    return [float(v) for v in values if is_number(v) and math.isfinite(v)]


def decimals(values: Sequence[object]) -> int:
    """Number of decimals for a column of numbers, for about three significant figures of their range."""
    numbers = finite(values)
    if not numbers or all(number == int(number) for number in numbers):
        return 0
    scale = max(max(numbers) - min(numbers), max(map(abs, numbers)) / 2, 1e-12)
    places = max(1, min(8, 2 - math.floor(math.log10(scale))))
    while places > 1 and all(math.isclose(round(value, places - 1), value, abs_tol=1e-9) for value in numbers):
        places -= 1
    return places


def number(value: object, places: int | None = None) -> str:
    """A number as text: with `places` decimals if given, else four significant figures; with a true minus sign."""
    if value is None or not is_number(value) or not math.isfinite(value):
        return MISSING
    if places is not None:
        text = f"{value:,.{places}f}"
    elif value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{value:,.4g}" if 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"
    text = text if float(text.replace(",", "")) else text.lstrip("-")
    return text.replace(",", "\u202f").replace("-", "\u2212")


def with_unit(text: str, unit: str) -> str:
    """Text with its unit, "TPSA (Å²)"; only the text if there is no unit."""
    return f"{text} ({unit})" if unit else text


def goal_text(goal_range: Bounds | None, direction: str | None = None) -> str:
    """A range or direction in words: "1 to 3", "≤ 3", "maximize"."""
    low, high = goal_range or (None, None)
    if low is not None and high is not None:
        return number(low) if low == high else f"{number(low)} to {number(high)}"
    if high is not None:
        return f"≤ {number(high)}"
    if low is not None:
        return f"≥ {number(low)}"
    return direction or ""


def within(value: object, goal_range: Bounds | None) -> bool:
    """Whether a number lies in a goal's range, if there is one; a missing number does not."""
    if goal_range is None:
        return True
    low, high = goal_range
    if not is_number(value) or not math.isfinite(value):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


# Templates. Autoescaping makes text of whatever isn't `Markup`.


def fill(template: str, macro: str = "", /, **values: object) -> Markup:
    """A template of this folder, or one of its macros, filled with values."""
    from markupsafe import Markup

    found = _environment().get_template(template)
    return Markup(found.render(values)) if not macro else getattr(found.module, macro)(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
        # also markup is cleaned: filters and `~` make some of text
        finalize=lambda value: Markup(clean(value)) if isinstance(value, Markup) else clean(value),
    )  # fmt: skip
    made.filters |= {"embedded": embedded, "number": number, "readable": readable, "unit": with_unit}
    made.globals |= {"MISSING": MISSING}
    return made

"""Safe HTML: all text from data is escaped or formatted here."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TypeGuard

from sciencegen.report.content import Bounds

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Characters that are not allowed in HTML, and those that change the direction of the text around them."""

MISSING = "–"


def clean(text: object) -> str:
    """The text with control characters replaced by U+FFFD."""
    return _CONTROL.sub("\ufffd", str(text))


def escape(text: object) -> str:
    """The text as HTML content or as a quoted attribute."""
    return html.escape(clean(text), quote=True)


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """<tag attribute="...">content</tag>. `content` is markup; attributes are escaped, and left out if None or False.

    Underscores in attribute names become hyphens and a trailing one is dropped (class_, for_, aria_label).
    """
    pairs = []
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            pairs.append(f" {name}")
        elif value is not None and value is not False:
            pairs.append(f' {name}="{escape(value)}"')
    return f"<{tag}{''.join(pairs)}>{content}</{tag}>"


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

"""The sections of a campaign: rounds, measured against predicted values, and the next plate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sciencegen.report import round_plots
from sciencegen.report.content import ReportContent
from sciencegen.report.markup import MISSING, decimals, element, escape, number, readable, with_unit
from sciencegen.report.round_content import Agreement, Rounds
from sciencegen.report.table import static_table


def rounds(content: ReportContent) -> str:
    """The two plots, and a table of their data by round."""
    record, expected = content.rounds, content.agreement
    if record is None or not len(record.rounds):
        return ""
    keys = '<li><i class="key dot candidate"></i>measured</li><li><i class="key line front"></i>best so far</li>'
    keys += '<li><i class="key line ink"></i>median of the round</li>'
    panels = _panel(round_plots.rounds(record), keys)
    if expected is not None and len(expected.rounds):
        level = f"{100 * expected.level:.0f} % interval"
        keys = f'<li><i class="key dot candidate"></i>inside the {level}</li>'
        keys += '<li><i class="key dot front"></i>outside of it</li>'
        panels += _panel(round_plots.agreement(expected), keys)
    return element("div", panels, class_="panels large") + _table(record, expected)


def _panel(picture: str, keys: str) -> str:
    return element("figure", picture + element("figcaption", element("ul", keys, class_="legend")), class_="panel")


def _table(record: Rounds, expected: Agreement | None) -> str:
    values, own = np.asarray(record.values, dtype=float), np.asarray(record.rounds)
    pick, places = (np.max if record.direction == "maximize" else np.min), decimals(record.values)
    rows: list[list[Any]] = []
    for one, best in round_plots.best_so_far(record).items():
        mine = values[own == one]
        figures = [pick(mine), best, float(np.median(mine))]
        rows.append([str(one), str(len(mine)), *(number(float(value), places) for value in figures)])
        if expected is not None:
            rows[-1] += _agreement_of(expected, one)
    heads = ["round", "measured", "best", "best so far", "median"]
    if expected is not None:
        heads += ["with a prediction", f"inside their {100 * expected.level:.0f} % interval", "rank correlation"]
    caption = element("caption", escape(with_unit(readable(record.name), record.unit)))
    return element("div", element("table", caption + _body(heads, rows), class_="plain small"), class_="scroll flat")


def _body(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(element("th", escape(name), scope="col") for name in heads)
    body = "".join(element("tr", "".join(element("td", escape(cell), class_="number") for cell in row)) for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _agreement_of(expected: Agreement, one: int) -> list[str]:
    """Of a round, the number of items with a prediction, the share inside the interval, and the rank correlation."""
    mine = np.asarray(expected.rounds) == one
    count = int(mine.sum())
    if not count:
        return ["0", MISSING, MISSING]
    kept = int(round_plots.inside(expected)[mine].sum())
    share = f"{kept} of {count} ({100 * kept / count:.0f} %)"
    return [str(count), share, _rank_correlation(expected, mine)]


def _rank_correlation(expected: Agreement, mine: np.ndarray) -> str:
    from sciencegen.metrics.regression import spearman  # on use: needs scipy

    predicted, measured = (np.asarray(side, dtype=float)[mine] for side in (expected.predicted, expected.measured))
    if len(predicted) < 3:
        return MISSING
    return number(spearman(measured, predicted), 2)


def plate(content: ReportContent) -> str:
    """The items of the next plate as a static table; "" if there are none."""
    record = content.plate
    return static_table(record, "plate") if record is not None and record.items else ""

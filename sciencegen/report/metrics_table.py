"""The table of metrics with references, direction and meaning."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.report.content import Metric
from sciencegen.report.markup import MISSING, element, escape, number

ARROWS = {"maximize": "↑ higher is better", "minimize": "↓ lower is better"}


def metrics_table(records: Sequence[Metric]) -> str:
    """One row per metric: value and interval, references (ticked if reached), and which values are better. The latter
    two columns are left out if no metric has them."""
    referred, directed = any(one.references for one in records), any(one.direction for one in records)
    names = ["Metric", "Value", *(["References"] if referred else []), *(["Reads as"] if directed else [])]
    head = "".join(element("th", name, scope="col") for name in names)
    rows = "\n".join(_metric_row(record, referred, directed) for record in records)
    caption = '<caption class="sr">Metrics with references</caption>'
    table = f'<table class="plain metrics">{caption}<thead><tr>{head}</tr></thead>'
    return element(
        "div",
        f"{table}<tbody>\n{rows}\n</tbody></table>",
        class_="scroll flat",
        tabindex="0",
        role="region",
        aria_label="Metrics",
    )


def _metric_row(record: Metric, referred: bool, directed: bool) -> str:
    name = f"<b>{escape(record.name)}</b>" + (
        element("span", escape(record.meaning), class_="meaning") if record.meaning else ""
    )
    name += element("code", escape(record.command), class_="command") if record.command else ""
    value = escape(with_unit_after(number(record.value), record.unit))
    if record.lower is not None and record.upper is not None:
        value += element("span", f"{escape(number(record.lower))} to {escape(number(record.upper))}", class_="interval")
    if record.references and record.samples is not None:
        value += element("span", f"of {record.samples:,} samples", class_="interval")
    references = "".join(_reference(record, label, reference) for label, reference in record.references.items())
    reference_list = element("ul", references, class_="references") if references else MISSING
    more = element("td", reference_list) if referred else ""
    more += element("td", ARROWS.get(record.direction or "", ""), class_="way") if directed else ""
    return f'<tr><th scope="row">{name}</th><td class="number big">{value}</td>{more}</tr>'


def with_unit_after(text: str, unit: str) -> str:
    """Text with its unit, "4.2 kcal/mol", "97 %"; only the text if there is no unit or no value."""
    return f"{text} {unit}" if unit and text != MISSING else text


def _reference(record: Metric, label: str, reference: float) -> str:
    """A reference value, marked if the value is at least as good."""
    reached = False
    if record.direction is not None and record.value is not None:
        reached = record.value >= reference if record.direction == "maximize" else record.value <= reference
    mark = '<span class="reached" title="at least as good">✓<span class="sr"> reached</span></span>' if reached else ""
    return f"<li>{escape(label)} <b>{escape(number(reference))}</b>{mark}</li>"

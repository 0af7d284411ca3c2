"""Sections of pictures: groups of items, and traversals, along which a quantity changes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sciencegen.report.content import ReportContent
from sciencegen.report.markup import element, escape, readable, with_unit
from sciencegen.report.picture_content import Traversal
from sciencegen.report.table import embedded

LINES = 3
"""Rows of pictures of a group, on a wide page."""


def gallery(content: ReportContent) -> str:
    """A grid of pictures for each group, with equal numbers of columns, then the note; "" if there are no pictures."""
    record = content.gallery
    if record is None or not any(len(pictures) for pictures in record.groups.values()):
        return ""
    widest = max(map(len, record.groups.values()))
    groups = []
    for name, pictures in record.groups.items():
        body = "".join(element("div", embedded(picture), class_="picture") for picture in pictures)
        label = f"{len(pictures)} pictures of {name}"
        style = f"--columns:{math.ceil(widest / LINES)}"
        mosaic = element("div", body, class_="mosaic", role="img", aria_label=label, style=style)
        groups.append(element("figure", element("figcaption", f"<b>{escape(name)}</b>") + mosaic, class_="wide"))
    return "".join(groups) + (element("p", escape(record.note), class_="lead") if record.note else "")


def traversals(content: ReportContent) -> str:
    """A table with a row of pictures for each traversal that has steps; "" if none has."""
    rows = "".join(element("tr", "".join(_cells(record))) for record in content.traversals if len(record.labels))
    if not rows:
        return ""
    return element("div", element("table", f"<tbody>{rows}</tbody>", class_="traversals"), class_="scroll flat")


def _cells(record: Traversal) -> Iterator[str]:
    name = escape(with_unit(readable(record.name), record.unit))
    note = element("span", escape(record.note), class_="meaning") if record.note else ""
    yield element("th", name + note, scope="row")
    asides = record.asides or [""] * len(record.labels)
    for label, picture, aside in zip(record.labels, record.pictures, asides, strict=True):
        image = element("div", embedded(picture), class_="picture", role="img", aria_label=f"{record.name}: {label}")
        picture_element = image if picture else element("div", "none", class_="picture none")
        aside_element = element("span", escape(aside), class_="interval") if aside else ""
        yield element("td", picture_element + escape(label) + aside_element)

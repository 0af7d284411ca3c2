"""The sections of letters in columns: heat maps and logos, with their legends."""

from __future__ import annotations

from sciencegen.report.content import ReportContent
from sciencegen.report.heat_map import BEST, heat_map, scale_of
from sciencegen.report.logo import glyphs, logo
from sciencegen.report.markup import decimals, element, escape, number, readable, with_unit
from sciencegen.report.site_content import HeatMap, Logo


def strips(svgs: list[str], caption: str) -> str:
    """A figure of SVG strips one below the other. caption: markup, "" for none."""
    body = "".join(element("div", svg, class_="strip") for svg in svgs)
    return element("figure", body + (element("figcaption", caption) if caption else ""), class_="wide sites")


def heat_maps(content: ReportContent) -> str:
    """The legend and strips of each map; maps without rows or columns are left out."""
    records = [record for record in content.heat_maps if len(record.rows) and len(record.columns)]
    return "".join(_scale(record) + strips(heat_map(record), escape(record.note)) for record in records)


def _scale(record: HeatMap) -> str:
    """The legend: the colour scale, then the meaning of the marks."""
    scale = scale_of(record)
    ends = [scale.centre - scale.limit, scale.centre, scale.centre + scale.limit]
    low, middle, high = (number(value, min(2, decimals(ends))) for value in ends)
    centre = f"{middle} ({record.centre_name})" if record.centre_name else middle
    title = element("b", escape(with_unit(readable(record.name), record.unit)))
    ramp = f'<span>≤ {low}</span><i class="ramp diverging"></i><span>≥ {high}</span>'
    ramp += element("span", f"centre: {escape(centre)}")
    keys = '<li><i class="key there"></i>the wild type</li>' if any(record.reference) else ""
    keys += f'<li><i class="key best"></i>the {BEST} best</li>' if record.direction else ""
    keys += '<li><i class="key blank">⁄</i>no value</li>'
    return element("ul", f"<li>{title}</li><li>{ramp}</li>{keys}", class_="legend")


def site_logo(content: ReportContent) -> str:
    """The letters' shapes, the legend of their classes, and the strips; "" if there are no columns."""
    record = content.logo
    if record is None or not record.columns or not record.counts:
        return ""
    return glyphs(record.letters) + _classes(record) + strips(logo(record), escape(record.note))


def _classes(record: Logo) -> str:
    items = "".join(
        f'<li><i class="key class class-{number}"></i>{escape(name)}: {escape(" ".join(letters))}</li>'
        for number, (name, letters) in enumerate(record.classes.items(), 1)
    )
    return element("ul", items, class_="legend") if items else ""

"""One self-contained HTML page: opens offline, loads nothing, equal bytes for equal content."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from sciencegen.files import atomic_write
from sciencegen.report import charts, letters, sections
from sciencegen.report.content import ReportContent
from sciencegen.report.markup import element, escape

# The sections that a page may have, in their order.


@dataclass(frozen=True)
class Section:
    """key: its id on the page. short: its name in the navigation. folded: whether it is initially collapsed. numbers:
    the heading of `docs/numbers.md` that explains its numbers, as in addresses."""

    key: str
    short: str
    title: str
    how_to_read: str
    build: Callable[[ReportContent], str]
    folded: bool = False
    numbers: str = ""


SECTIONS = (
    Section(
        "candidates",
        "Candidates",
        "Candidates",
        "What was found, best first. A ringed value lies outside the requested range.",
        sections.candidates,
        numbers="optimize",
    ),
    Section(
        "rounds",
        "Rounds",
        "Round by round",
        "What was measured, and how well it was predicted: on the diagonal prediction and measurement agree.",
        sections.rounds,
        numbers="report",
    ),
    Section(
        "plate",
        "Next plate",
        "The next plate",
        "What to measure next, likely to be best or worth learning from: with what is expected of one measurement, and "
        "within which 90 % interval. Rows are in the order of picking: the first ten are a plate of ten. The source "
        "says how an item was made; 'offered' are candidates of the search, 'control' is yours. In domain: as close to "
        "the training data as most training items are to each other.",
        sections.plate,
        numbers="propose",
    ),
    Section(
        "structures",
        "3D",
        "Structures",
        "Drag to turn, scroll to come nearer. How the coordinates were made stands in the structure file.",
        sections.structures,
    ),
    Section(
        "search",
        "Search",
        "How the search went",
        "Progress against the number of items scored; broken lines are the controls that a search must beat.",
        sections.traces,
        numbers="optimize",
    ),
    Section(
        "pareto",
        "Trade-offs",
        "Trade-offs",
        "Objectives against each other. On the front, one gets better only where another gets worse.",
        sections.pareto,
        numbers="optimize",
    ),
    Section(
        "changes",
        "Changes",
        "Single changes",
        "Each cell is one letter in place of another, below the mean of each column. Point at one to read its value.",
        letters.heat_maps,
        numbers="score-variants",
    ),
    Section(
        "logo",
        "Logo",
        "What stands where",
        "The taller a stack, the more a site is settled; the letters in it share its height as they share the items.",
        letters.site_logo,
    ),
    Section(
        "gallery",
        "Pictures",
        "Training data and draws",
        "Evenly spaced items of each group, all on one scale. What a good model makes could stand among its data.",
        sections.gallery,
    ),
    Section(
        "properties",
        "Properties",
        "Properties against the training set",
        "Each histogram is scaled to its own highest bar, so groups of different sizes compare.",
        sections.distributions,
        numbers="properties",
    ),
    Section(
        "charts",
        "Charts",
        "Two quantities at a time",
        "Candidates and draws of the model against the training set.",
        charts.charts_section,
    ),
    Section(
        "map",
        "Map",
        "Latent map",
        "Where the candidates lie among what the model learned from. Point at one to see it, click to find its row.",
        sections.latent_map,
        numbers="map",
    ),
    Section(
        "traversals",
        "Traversals",
        "What changes along the latent space",
        "Through the mean of the training items along directions in which they vary most, in standard deviations; then "
        "one draw asked for other values of each condition, those of the 10th to 90th percentile of those items.",
        sections.traversals,
    ),
    Section(
        "calibration",
        "Calibration",
        "Does the model give what is asked?",
        "Raw draws for each asked value, before any filter. A model that obeys lies on the diagonal.",
        sections.calibrations,
        numbers="report",
    ),
    Section("metrics", "Metrics", "Metrics", "", sections.metrics, numbers="evaluate"),
    Section("notes", "Notes", "Notes", "", sections.notes),
    Section("settings", "Settings", "Settings", "", sections.settings, folded=True),
    Section(
        "provenance",
        "Provenance",
        "Provenance",
        "What made this page, so that it can be made again.",
        sections.provenance,
        folded=True,
    ),
)

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
{header}
<main id="main">
{sections}
</main>
<footer><p>This page is complete in itself: it loads nothing from the network.</p></footer>
<div id="tip" hidden></div>
{scripts}
</body>
</html>
"""


NUMBERS = "https://github.com/sciencegen/sciencegen/blob/main/docs/numbers.md"
"""What each number means."""
VIEWER = "3Dmol-min.js"
"""Rego & Koes 2015, doi:10.1093/bioinformatics/btu829; version 2.5.5, BSD-3-Clause (3Dmol-LICENSE.txt)."""


@cache
def _asset(name: str) -> str:
    return files("sciencegen.report").joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """A policy by which browsers block all requests and all scripts but ours, even if a name or picture has some."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    ours = " ".join(f"'sha256-{digest}'" for digest in digests)
    only_ours = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {ours}"
    return f"{only_ours}; base-uri 'none'; form-action 'none'"


def render_page(content: ReportContent) -> str:
    """The page as text."""
    bodies = [(section, section.build(content)) for section in SECTIONS]
    present = [(section, body) for section, body in bodies if body]
    turned = any(section.key == "structures" for section, _ in present)
    scripts = [_asset(name) for name in ((VIEWER, "page.js") if turned else ("page.js",))]
    return PAGE.format(
        policy=_policy(scripts),
        title=escape(content.title),
        style=_asset("style.css"),
        header=_header(content, [section for section, _ in present]),
        sections="\n".join(_section(section, body, content) for section, body in present),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _section(section: Section, body: str, content: ReportContent) -> str:
    meaning = f'<a href="{NUMBERS}#{section.numbers}" rel="noreferrer">What these numbers mean</a>'
    told = " ".join(filter(None, [escape(section.how_to_read), meaning if section.numbers else ""]))
    lead = element("p", told, class_="lead") if told else ""
    heading = element("h2", escape(content.headings.get(section.key, section.title)))
    if section.folded:
        return f'<section id="{section.key}"><details><summary>{heading}</summary>{lead}{body}</details></section>'
    return f'<section id="{section.key}">{heading}{lead}\n{body}</section>'


def _header(content: ReportContent, present: list[Section]) -> str:
    """Title, goals, facts, warnings, and links to the sections."""
    parts = [element("h1", escape(content.title))]
    if content.summary:
        parts.append(element("p", escape(content.summary), class_="summary"))
    if content.goals:
        goals = "".join(element("li", escape(goal.replace("<=", "≤").replace(">=", "≥"))) for goal in content.goals)
        parts.append(f'<div class="goals" id="requested"><h2>Requested values</h2><ul>{goals}</ul></div>')
    if content.facts:
        facts = "".join(_fact(fact.value, fact.label, fact.note) for fact in content.facts)
        parts.append(element("dl", facts, class_="facts"))
    if content.warnings:
        items = "".join(element("li", escape(warning)) for warning in content.warnings)
        parts.append(f'<div class="warnings" id="warnings" role="note"><h2>Keep in mind</h2><ul>{items}</ul></div>')
    links = "".join(f'<a href="#{section.key}">{escape(section.short)}</a>' for section in present)
    navigation = f'<nav aria-label="Sections">{links}</nav>' if len(present) > 1 else ""
    return element("header", "\n".join(parts)) + "\n" + navigation


def _fact(value: str, label: str, note: str) -> str:
    aside = element("dd", escape(note), class_="meaning") if note else ""
    return f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd>{aside}</div>"


def write_report(content: ReportContent, path: str | os.PathLike[str]) -> Path:
    """Write the page atomically and return its path."""
    target = Path(path)
    page = render_page(content).encode("utf-8")
    with atomic_write(target, "wb") as file:
        file.write(page)
    return target

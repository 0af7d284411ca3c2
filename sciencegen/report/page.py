"""One self-contained HTML page: opens offline, loads nothing, equal bytes for equal content."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files
from pathlib import Path

from sciencegen.files import atomic_write
from sciencegen.report.content import ReportContent
from sciencegen.report.markup import element, escape
from sciencegen.report.order import SECTIONS, Section

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
        goals = "".join(element("li", escape(_readable(goal))) for goal in content.goals)
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


def _readable(goal: str) -> str:
    return goal.replace("<=", "≤").replace(">=", "≥")


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

"""One self-contained HTML page: opens offline, loads nothing, equal bytes for equal content."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sciencegen.files import atomic_write
from sciencegen.report.content import StructureStyle
from sciencegen.report.text import fill

if TYPE_CHECKING:
    from markupsafe import Markup

# The sections that a page may have, in their order.


@dataclass(frozen=True)
class Section:
    """key: its id on the page. short: its name in the navigation. folded: whether it is initially collapsed. numbers:
    the heading of `docs/numbers.md` that explains its numbers, as in addresses."""

    key: str
    short: str
    title: str
    how_to_read: str
    folded: bool = False
    numbers: str = ""


SECTIONS = (
    Section(
        "candidates", "Candidates", "Candidates",
        "What was found, best first. A ringed value lies outside the requested range.",
        numbers="optimize",
    ),
    Section(
        "rounds", "Rounds", "Round by round",
        "What was measured, and how well it was predicted: on the diagonal prediction and measurement agree.",
        numbers="report",
    ),
    Section(
        "plate", "Next plate", "The next plate",
        "What to measure next, likely to be best or worth learning from: with what is expected of one measurement, and "
        "within which 90 % interval. Rows are in the order of picking: the first ten are a plate of ten. The source "
        "says how an item was made; 'offered' are candidates of the search, 'control' is yours. In domain: as close to "
        "the training data as most training items are to each other.",
        numbers="propose",
    ),
    Section(
        "structures", "3D", "Structures",
        "Drag to turn, scroll to come nearer. How the coordinates were made stands in the structure file.",
    ),
    Section(
        "search", "Search", "How the search went",
        "Progress against the number of items scored; broken lines are the controls that a search must beat.",
        numbers="optimize",
    ),
    Section(
        "pareto", "Trade-offs", "Trade-offs",
        "Objectives against each other. On the front, one gets better only where another gets worse.",
        numbers="optimize",
    ),
    Section(
        "changes", "Changes", "Single changes",
        "Each cell is one letter in place of another, below the mean of each column. Point at one to read its value.",
        numbers="score-variants",
    ),
    Section(
        "logo", "Logo", "What stands where",
        "The taller a stack, the more a site is settled; the letters in it share its height as they share the items.",
    ),
    Section(
        "gallery", "Pictures", "Training data and draws",
        "Evenly spaced items of each group, all on one scale. What a good model makes could stand among its data.",
    ),
    Section(
        "properties", "Properties", "Properties against the training set",
        "Each histogram is scaled to its own highest bar, so groups of different sizes compare.",
        numbers="properties",
    ),
    Section(
        "charts", "Charts", "Two quantities at a time",
        "Candidates and draws of the model against the training set.",
    ),
    Section(
        "map", "Map", "Latent map",
        "Where the candidates lie among what the model learned from. Point at one to see it, click to find its row.",
        numbers="map",
    ),
    Section(
        "traversals", "Traversals", "What changes along the latent space",
        "Through the mean of the training items along directions in which they vary most, in standard deviations; then "
        "one draw asked for other values of each condition, those of the 10th to 90th percentile of those items.",
    ),
    Section(
        "calibration", "Calibration", "Does the model give what is asked?",
        "Raw draws for each asked value, before any filter. A model that obeys lies on the diagonal.",
        numbers="report",
    ),
    Section("metrics", "Metrics", "Metrics", "", numbers="evaluate"),
    Section(
        "ledger", "Rows", "From rows to candidates",
        "What each step began with, in bold, and what became of it: the numbers below add up to it.",
        numbers="report",
    ),
    Section("notes", "Notes", "Notes", ""),
    Section("settings", "Settings", "Settings", "", folded=True),
    Section(
        "provenance", "Provenance", "Provenance", "What made this page, so that it can be made again.", folded=True
    ),
)  # fmt: skip

NUMBERS = "https://github.com/sciencegen/sciencegen/blob/main/docs/numbers.md"
"""What each number means."""
VIEWER = "3Dmol-min.js"
"""Rego & Koes 2015, doi:10.1093/bioinformatics/btu829; version 2.5.5, BSD-3-Clause (3Dmol-LICENSE.txt)."""
STYLES = {
    "sticks": {"stick": {"radius": 0.12}, "sphere": {"scale": 0.25}},
    "cartoon": {"cartoon": {"color": "spectrum"}},
}
"""How structures are drawn on a page of their own, as 3Dmol.js names it."""


@cache
def asset(name: str) -> Markup:
    """A script or style of this folder."""
    from markupsafe import Markup

    return Markup(files("sciencegen.report").joinpath(name).read_text(encoding="utf-8"))


def render_page(
    title: str, bodies: Mapping[str, str], *, summary: str = "", goals: Sequence[str] = (),
    facts: Sequence[tuple[str, str, str]] = (), warnings: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The page as text.

    Parameters
    ----------
    title : str
    bodies : mapping
        Key of a section -> its markup, by a function of `sections`; "" leaves the section out.
    summary : str
    goals, warnings : sequence of str
    facts : sequence of (value, label, note)
        Numbers for the top of the page: "97 %", "novel", "not in the training set".
    headings : mapping, optional
        Key of a section -> another title for it.
    """
    present = [
        (one, (headings or {}).get(one.key, one.title), bodies[one.key]) for one in SECTIONS if bodies.get(one.key)
    ]
    scripts = [asset(name) for name in ((VIEWER, "page.js") if bodies.get("structures") else ("page.js",))]
    # By this policy browsers block all requests and all scripts but ours, even if a name or picture has some.
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    ours = " ".join(f"'sha256-{digest}'" for digest in digests)
    only_ours = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {ours}"
    return fill(
        "page.html", title=title, summary=summary, goals=goals, facts=facts, warnings=warnings, sections=present,
        numbers=NUMBERS, policy=f"{only_ours}; base-uri 'none'; form-action 'none'", style=asset("style.css"),
        scripts=scripts,
    )  # fmt: skip


def write_page(page: str, path: str | os.PathLike[str]) -> Path:
    """Write a page atomically and return its path."""
    target = Path(path)
    with atomic_write(target, "wb") as file:
        file.write(page.encode("utf-8"))
    return target


def viewer_page(text: str, kind: str, style: StructureStyle, title: str) -> str:
    """A page with one structure that can be turned, by 3Dmol.js, without a network. text: the record of a structure;
    kind: its format, one that 3Dmol.js reads."""
    from markupsafe import Markup

    shown = json.dumps({"text": text, "format": kind, "style": STYLES[style]}).replace("<", "\\u003c")
    return str(fill("viewer.html", title=title, library=asset(VIEWER), shown=Markup(shown)))

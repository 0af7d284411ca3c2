"""The sections that a page may have, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sciencegen.report import chart_sections, picture_sections, round_sections, sections, site_sections
from sciencegen.report.content import ReportContent


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
        round_sections.rounds,
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
        round_sections.plate,
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
        site_sections.heat_maps,
        numbers="score-variants",
    ),
    Section(
        "logo",
        "Logo",
        "What stands where",
        "The taller a stack, the more a site is settled; the letters in it share its height as they share the items.",
        site_sections.site_logo,
    ),
    Section(
        "gallery",
        "Pictures",
        "Training data and draws",
        "Evenly spaced items of each group, all on one scale. What a good model makes could stand among its data.",
        picture_sections.gallery,
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
        chart_sections.charts_section,
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
        picture_sections.traversals,
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

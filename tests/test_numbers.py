"""`docs/numbers.md` has an entry for every column and number that the verbs write, each below the heading of its verb.

The names come from the records that define them; where nothing lists them, from a call with tiny settings.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from astropy.io import fits

import sciencegen as sg
from sciencegen.api import score_variants as variants
from sciencegen.api.backtest import BACKTEST_COLUMNS as BACKTEST
from sciencegen.api.benchmark import COLUMNS as BENCHMARK
from sciencegen.api.latent_map import ATLAS_COLUMNS, TABLE_COLUMNS
from sciencegen.api.models.data import TunedDraws
from sciencegen.api.replay import COLUMNS as REPLAYED
from sciencegen.api.reports.campaign import CampaignReportSettings, report_campaign
from sciencegen.api.sampling.generation import COUNTS
from sciencegen.api.sampling.request import DRAW, SIMILARITY
from sciencegen.api.science import domain_of
from sciencegen.api.search import IN_DOMAIN, score_columns, trace_table
from sciencegen.data.writers import REJECT_COLUMNS
from sciencegen.domains.galaxies.sersic_fit import FITTED
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.proteins.backbones import sequences as self_consistency
from sciencegen.domains.proteins.variant_tables import CONTACTS, LOG_ODDS, RANKS
from sciencegen.domains.tables.models import INFERRED
from sciencegen.optimization.backtest import ReplayStatistics
from sciencegen.optimization.journal import new_header
from sciencegen.prediction.evaluation import HeldOutEvaluation
from sciencegen.scoring.oracles import Score
from tests.documentation import REPOSITORY
from tests.domains.contract_examples import examples

PAGE = REPOSITORY / "docs" / "numbers.md"
HEADING = re.compile(r"^(#+) (.*)$")
INCLUDE = re.compile(r"^```\{include\} generated/number-tables/(\S+)$")


@cache
def tables() -> ModuleType:
    """The module beside the configuration of the site."""
    found = importlib.util.spec_from_file_location("number_tables", REPOSITORY / "docs" / "number_tables.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def entries(tmp_path_factory):
    """Heading -> names in the first cells of its tables, those of subheadings included; "" has all."""
    folder = tmp_path_factory.mktemp("numbers") / "tables"
    tables().write_number_tables(folder)
    found: dict[str, set[str]] = {"": set()}
    above: dict[int, str] = {}
    for line in PAGE.read_text().splitlines():
        if heading := HEADING.match(line):
            above = {level: text for level, text in above.items() if level < len(heading[1])}
            above[len(heading[1])] = heading[2]
            found[heading[2]] = set()
        include = INCLUDE.match(line)
        rows = (folder / include[1]).read_text().splitlines() if include else [line]
        names = {name for row in rows if row.startswith("|") for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
        for text in ("", *above.values()):
            found[text] |= names
    return found


def in_prose() -> dict[str, set[str]]:
    """Heading -> names in code in its text."""
    parts = re.split(r"^#+ (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    return {head: set(re.findall(r"`([^`]+)`", text)) for head, text in zip(parts[1::2], parts[2::2], strict=True)}


PROSE = in_prose()


def write_survey_image(path: Path) -> None:
    """A field with one source."""
    y, x = np.mgrid[:200, :300]
    field = np.random.default_rng(0).normal(0, 1, (200, 300)) + 90 * np.exp(-np.hypot(x - 120, y - 80) / 3)
    fits.writeto(path, field, fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.2, "FILTER": "r"}))


def missing(names: Iterable[str], known: set[str]) -> set[str]:
    """Names without an entry. Capitals in an entry stand for any text, but never for a whole name."""
    patterns = [re.sub(r"[A-Z]{2,}", "(.+)", re.escape(name)) for name in known if not name.isupper()]
    return {name for name in names if name not in known and not any(re.fullmatch(one, name) for one in patterns)}


def annotated(name: str) -> list[str]:
    """The columns of a prediction."""
    return list(score_columns(name, [Score(1.0, 0.0, 2.0, in_domain=True)]))


PROPERTIES = {
    "molecules": "Properties of molecules",
    "proteins": "Properties of proteins",
    "proteins/structures": "Properties of backbones",
    "galaxies": "Properties of galaxies",
    "arrays": "Properties of rows",
}
"""Domain or form -> heading of its properties."""
SLOW_DOMAINS = ("molecules", "galaxies", "molecules/structures", "proteins/structures")


def generated() -> list[str]:
    return ["item", DRAW, SIMILARITY, "route", "route_steps", "route_blocks", *COUNTS, "first_failure", "replaced"]


def scored() -> list[str]:
    names = [name for one in PROPERTIES for name in (*domain_of(one).properties, *domain_of(one).oracles.names())]
    return [*names, *(name for one in PROPERTIES for name in domain_of(one).oracles.open_names), *FITTED]


def evaluated(name: str) -> list[str]:
    texts = list(examples(name))
    found = domain_of(name).evaluate(texts * 12, texts * 12, texts)
    return [*found, *(domain_of(name).reference_sets.notes if domain_of(name).reference_sets else ())]


RECORDS: Mapping[str, Iterable[str]] = {
    "Columns of many tables": ["item", "id", "name", "line", "mutant", "rank", "seed"],
    "Predict": annotated("PREDICTOR"),
    "Generate": generated(),
    "Map": [*TABLE_COLUMNS, *ATLAS_COLUMNS],
    "Score variants": [*variants.SCORES, CONTACTS, LOG_ODDS, RANKS],
    "Sequences": ["id", "name", "item", "sequence", "rank", "perplexity", *self_consistency.columns(), "best"],
    "Optimize": [*trace_table({}), f"PREDICTOR{IN_DOMAIN}"],
    "Record": new_header("mutant", True),
    "Backtest": [*BACKTEST, *(one.name for one in fields(ReplayStatistics))],
    "Benchmark": BENCHMARK,
    "Training": [f"draws_{one.name}" for one in fields(TunedDraws)],
    "Train a predictor": [one.name for one in fields(HeldOutEvaluation) if one.type in ("str", "int", "float")],
    "Rejects": REJECT_COLUMNS,
}


@pytest.mark.parametrize("heading", RECORDS)
def test_every_name_of_the_records_has_an_entry(heading, entries):
    assert len(list(RECORDS[heading])) > 2
    assert missing(RECORDS[heading], entries[heading]) == set()


def test_every_property_and_oracle_has_an_entry(entries):
    assert missing(scored(), entries["Properties"]) == set()


@pytest.mark.parametrize("domain", [name for name in PROPERTIES if "/" not in name])
def test_every_score_by_a_model_has_an_entry(domain, entries):
    recipes = domain_of(domain).recipes
    parts = [recipes[name].oracles for name in recipes]
    scores = {name for part in parts if part is not None for name in part.names}
    assert missing(scores, entries[PROPERTIES[domain]]) == set()


def test_an_inferred_condition_has_an_entry(entries):
    assert missing([f"{INFERRED}price"], entries["Properties of rows"]) == set()


@pytest.mark.parametrize(
    "name",
    ["proteins", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_DOMAINS)],
)
def test_every_metric_has_an_entry(name, entries):
    assert missing(evaluated(name), entries["Evaluate"]) == set()


def test_a_plate_its_journal_and_its_report(entries, tmp_path):
    made = sg.propose(
        "proteins", wild_type="MKVLA", space={"positions": "2-4"}, batch=3, journal=str(tmp_path / "j.csv")
    )
    made.write(tmp_path / "plate.csv")
    filled = made.table.assign(value=[0.1, 0.2, 0.3])
    filled.to_csv(tmp_path / "filled.csv", index=False)
    sg.record("proteins", str(tmp_path / "j.csv"), str(tmp_path / "filled.csv"), wild_type="MKVLA")
    assert missing({*made.table, *made.summary} - {"value"}, entries["Propose"]) == set()
    settings = CampaignReportSettings(domain="proteins", wild_type="MKVLA")
    figures = report_campaign(tmp_path / "j.csv", tmp_path / "page.html", settings)
    assert missing(figures, entries["Report"]) == set()


def test_a_record_and_its_summary(entries, tmp_path):
    (tmp_path / "measured.csv").write_text("item,value\nMKVLA,1\nMKVLG,2\n")
    found = sg.record("proteins", tmp_path / "journal.csv", tmp_path / "measured.csv")
    assert missing(found.summary, entries["Record"]) == set()


def test_scores_and_their_summary(entries):
    found = sg.score("proteins", ["MKVLA", "no protein"], "length", threads=1)
    assert missing(found.summary, entries["Score"] | PROSE["Score"]) == set()


def test_stamps_that_are_cut_out(entries, tmp_path):
    write_survey_image(tmp_path / "field.fits")
    (tmp_path / "sources.csv").write_text("id,x,y\nA,121,81\n")
    found = sg.cutout("galaxies", tmp_path / "field.fits", tmp_path / "sources.csv", side=40)
    assert missing({*found.table, *found.summary}, entries["Cut out"] | PROSE["Cut out"]) == set()


@pytest.mark.parametrize("keep", [False, True])
def test_restored_stamps(entries, keep, quick_restoration):
    seen = next(simulate(SurveySettings("euclid", 64), 0, 7, 8)).observed
    found = sg.restore("galaxies", [seen], "flux", keep_samples=keep, threads=1)
    bounds = {"flux_lower", "flux_upper", "flux"}
    assert missing({*found.table, *found.summary} - bounds, entries["Restore"] | PROSE["Restore"]) == set()


@pytest.mark.parametrize("options", [{}, {"quantize": 0.5}])
def test_compressed_images(entries, tmp_path, options):
    np.save(tmp_path / "images.npy", np.random.default_rng(0).normal(100, 16, (8, 32, 32)).astype(np.float32))
    found = sg.compress("galaxies", tmp_path / "images.npy", tmp_path / "images.sgc", threads=1, **options)
    assert missing(found.summary, entries["Compress"]) == set()
    found = sg.decompress("galaxies", tmp_path / "images.sgc", tmp_path / "back.npy", threads=1)
    assert missing(found.summary, entries["Compress"]) == set()


def test_a_backtest(entries, tmp_path):
    (tmp_path / "table.csv").write_text("item,value\n" + "".join(f"MK{one},{n}\n" for n, one in enumerate("ACDEFG")))
    found = sg.backtest("proteins", tmp_path / "table.csv", batch=3, rounds=2, repeats=1, methods="random", threads=1)
    assert missing({*found.table, *found.summary, *found.summary["methods"]["random"]}, entries["Backtest"]) == set()


@pytest.mark.slow
def test_a_training(entries, tmp_path):
    rows = "\n".join(f"{0.1 * row},{row % 3}" for row in range(60))
    (tmp_path / "table.csv").write_text(f"size,kind\n{rows}\n")
    model = tmp_path / "model"
    sg.train("arrays", tmp_path / "table.csv", folder=model, training={"steps": 2}, finish={"steps": 2}, threads=1)
    with (model / "log.csv").open() as file:
        assert missing(next(csv.reader(file)), entries["Training"]) == set()
    assert missing(json.loads((model / "metrics.json").read_text()), entries["Training"]) == set()


@pytest.mark.slow
def test_a_search(entries):
    found = sg.optimize("molecules", ["maximize qed", "minimize sa"], budget=12, n=1, threads=1)
    known = entries["Optimize"] | entries["Properties of molecules"]
    assert missing({*found.table, *found.scored, *found.summary}, known) == set()


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "sciencegen" / "pretrained").rglob("metrics.json")), ids=lambda path: path.parent.name
)
def test_shipped_figures(path, entries):
    """Of models, and of predictors by target."""
    figures = json.loads(path.read_text())
    nested = {name for value in figures.values() if isinstance(value, dict) for name in value}
    flat = {name for name, value in figures.items() if not isinstance(value, dict)}
    assert missing(flat | nested, entries["Evaluate"] | entries["Training"] | entries["Train a predictor"]) == set()


def test_a_name_without_an_entry_is_missed(entries):
    assert missing(["frobnication", "x_lowest"], entries[""]) == {"frobnication", "x_lowest"}


def test_rows_that_were_made_again(entries):
    assert missing(REPLAYED, entries["Replay"]) == set()

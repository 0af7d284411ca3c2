import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from sciencegen.report import sections
from sciencegen.report.content import CandidateContent, GoalAxis, SearchCurve, TableColumn
from sciencegen.report.page import NUMBERS, SECTIONS, VIEWER, asset, render_page, write_page
from tests.documentation import REPOSITORY
from tests.report.example import METRIC, PICTURE, REQUESTED, candidates, chart, full_report
from tests.report.example_sites import agreement, heat_map, logo, plate, rounds
from tests.report.parsing import Page


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(**full_report())


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&$\\frac{\x00\u202e"


def evil_report() -> dict:
    report = full_report(2)
    column = TableColumn(EVIL, [1.0, 2.0], unit=EVIL, description=EVIL, goal_range=(0.0, 1.0))
    table = CandidateContent(
        [EVIL, "b"], [column, TableColumn("text", [EVIL, None])], ids=[EVIL, "b"], item_label=EVIL, noun=EVIL
    )
    map_of_evil = replace(heat_map(), name=EVIL, columns=[EVIL] * 4, unit=EVIL, centre_name=EVIL, note=EVIL)
    counts = {EVIL: logo().counts["found"]}
    evil_logo = replace(logo(), columns=[EVIL] * 4, counts=counts, classes={EVIL: "A"}, note=EVIL)
    axes = GoalAxis(EVIL, EVIL, "maximize"), GoalAxis("mass", "kg", "minimize")
    points = [(0.0, 1.0), (1.0, 0.0)]
    bodies = {
        "notes": sections.notes([EVIL]),
        "candidates": sections.candidates(table),
        "properties": sections.distributions([sections.distribution(EVIL, [1.0, 2.0], [1.5], unit=EVIL)]),
        "charts": sections.charts([replace(chart(), title=EVIL, note=EVIL)]),
        "structures": sections.structures([EVIL], [EVIL], EVIL),
        "plate": sections.plate(replace(plate(), items=[EVIL, EVIL], item_label=EVIL, noun=EVIL)),
        "rounds": sections.rounds(
            replace(rounds(), name=EVIL, unit=EVIL, labels=[EVIL] * 5),
            replace(agreement(), name=EVIL, unit=EVIL, labels=[EVIL] * 3),
        ),
        "changes": sections.heat_maps([map_of_evil]),
        "logo": sections.logo(evil_logo),
        "gallery": sections.gallery({EVIL: [PICTURE]}, EVIL),
        "traversals": sections.traversals(
            [{"name": EVIL, "unit": EVIL, "note": EVIL, "steps": [(EVIL, PICTURE, EVIL)]}]
        ),
        "map": sections.latent_map(points, points, [EVIL] * 2, groups=[EVIL, ""], value_name=EVIL, note=EVIL)
        + sections.latent_map(points, points, values=[1.0, 2.0], value_name=EVIL, unit=EVIL),
        "pareto": sections.trade_offs([sections.pareto(*axes, points, [True, True], labels=[EVIL, EVIL])]),
        "search": sections.panels([sections.trace(EVIL, [SearchCurve(EVIL, [1], [1.0])], EVIL, EVIL)]),
        "metrics": sections.metrics(
            [{"name": EVIL, "value": 1.0, "unit": EVIL, "references": {EVIL: 1.0}, "meaning": EVIL, "command": EVIL}]
        ),
        "calibration": sections.calibrations([sections.calibration(EVIL, REQUESTED, unit=EVIL)]),
        "ledger": sections.ledgers([(EVIL, [{EVIL: 2, "b": 2}], EVIL)]),
        "settings": sections.settings({EVIL: {EVIL: EVIL}}),
        "provenance": sections.provenance([EVIL], {EVIL: 0}, {EVIL: EVIL}, {EVIL: EVIL}),
    }
    assert bodies.keys() == report["bodies"].keys()
    header = {"title": EVIL, "summary": EVIL, "goals": [EVIL], "warnings": [EVIL], "facts": [(EVIL, EVIL, EVIL)]}
    return {"bodies": bodies, "headings": {"plate": EVIL}, **header}


def test_every_tag_is_closed_and_every_id_is_unique(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    referenced = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert {left or right for left, right in referenced} <= set(parsed.ids)


def test_the_page_loads_nothing(page):
    """The viewer could, and the browser is told to refuse."""
    namespaces = re.sub(r"xmlns(:\w+)?=['\"][^'\"]*['\"]", "", page.replace(asset(VIEWER), ""))
    namespaces = re.sub(rf'<a href="{NUMBERS}#[\w-]+" rel="noreferrer">', "", namespaces)  # opened by readers only
    assert "http:" not in namespaces
    assert "https:" not in namespaces
    assert not re.search(r"@import|url\((?!#)|srcset=|<link|<iframe|<object|<embed|<base", namespaces)
    assert all(not attributes.get("src", "").strip() for _, attributes in Page(page).tags)


def test_the_browser_is_told_to_refuse_every_other_script_and_request(page):
    policy = next(m["content"] for m in Page(page).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "default-src 'none'" in policy
    assert "script-src " + " ".join(f"'sha256-{digest}'" for digest in digests) + ";" in policy
    assert page.count("<script") == len(scripts) == 2


@pytest.mark.parametrize("section", [one for one in SECTIONS if one.numbers], ids=lambda one: one.key)
def test_sections_lead_to_the_meaning_of_their_numbers(page, section):
    headings = re.findall(r"^#+ (.*)$", (REPOSITORY / "docs" / "numbers.md").read_text(), re.MULTILINE)
    assert section.numbers in {heading.lower().replace(" ", "-") for heading in headings}
    if f'<section id="{section.key}">' in page:
        assert f'href="{NUMBERS}#{section.numbers}"' in page.partition(f'<section id="{section.key}">')[2][:1500]


def test_a_title_alone_makes_a_page_without_navigation():
    parsed = Page(render_page("Only this", {}))
    assert "Only this" in parsed.text
    assert not parsed.all("nav")
    assert not parsed.all("section")


def test_whatever_a_name_holds_stays_text():
    page = render_page(**evil_report())
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.all("script")) == 2
    assert not parsed.all("img")
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    assert "\x00" not in page
    assert "\u202e" not in page
    assert any("<script>alert(1)</script>" in text for text in parsed.text)


def test_equal_content_makes_equal_bytes(tmp_path):
    paths = (write_page(render_page(**full_report()), tmp_path / name) for name in ("a.html", "b.html"))
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


@pytest.mark.long
def test_equal_bytes_in_another_process_and_under_another_matplotlib_style(tmp_path):
    (tmp_path / "matplotlibrc").write_text("axes.grid: False\nfont.size: 20\nsvg.fonttype: path\n")
    code = (
        "from tests.report import example; from sciencegen.report import page; "
        "page.write_page(page.render_page(**example.full_report()), 'p.html')"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "MPLCONFIGDIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == render_page(**full_report())


def test_other_content_makes_other_bytes(page):
    report = full_report()
    report["bodies"]["metrics"] = sections.metrics([{**METRIC, "value": 0.21}])
    assert render_page(**report) != page


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    path = write_page(render_page(**full_report()), tmp_path / "new" / "page.html")
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        write_page(None, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]


@pytest.mark.long
def test_a_hundred_candidates_stay_below_three_megabytes():
    drawing = (
        "<svg viewBox='0 0 220 160'>" + "<path d='M 154.3,129.3 L 145.5,103.2'/>" * 340 + "</svg>"
    )  # 13 kB, a real one's
    report = full_report(100)
    assert len(render_page(**report).encode()) < 500_000 + len(asset(VIEWER))
    report["bodies"]["candidates"] = sections.candidates(candidates(100, drawing))
    assert len(render_page(**report).encode()) < 3_000_000


def test_importing_the_report_does_not_import_matplotlib():
    code = "import sys, sciencegen.report.sections; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_pictures_lose_the_prolog_of_a_file(page):
    assert "<?xml" in PICTURE
    assert "<?xml" not in page

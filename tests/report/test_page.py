import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from sciencegen.report import (
    CandidateContent,
    Distribution,
    Gallery,
    Metric,
    ReportContent,
    StructureContent,
    TableColumn,
    Traversal,
    render_page,
    write_report,
)
from sciencegen.report.page import NUMBERS, SECTIONS, VIEWER, _asset
from tests.documentation import REPOSITORY
from tests.report.example import PICTURE, candidates, full_report
from tests.report.parsing import Page


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(full_report())


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&$\\frac{\x00\u202e"


def evil_report() -> ReportContent:
    report = full_report(2)
    column = TableColumn(EVIL, [1.0, 2.0], unit=EVIL, description=EVIL, goal_range=(0.0, 1.0))
    return replace(
        report,
        title=EVIL,
        summary=EVIL,
        goals=[EVIL],
        warnings=[EVIL],
        notes=[EVIL],
        candidates=CandidateContent(
            [EVIL, "b"], [column, TableColumn("text", [EVIL, None])], ids=[EVIL, "b"], item_label=EVIL
        ),
        distributions=[Distribution(EVIL, [1.0, 2.0], [1.5], unit=EVIL)],
        structures=StructureContent([EVIL], [EVIL], EVIL),
        plate=replace(report.plate, items=[EVIL, EVIL], item_label=EVIL, noun=EVIL),
        rounds=replace(report.rounds, name=EVIL, unit=EVIL, labels=[EVIL] * 5),
        agreement=replace(report.agreement, name=EVIL, unit=EVIL, labels=[EVIL] * 3),
        heat_maps=[replace(report.heat_maps[0], name=EVIL, columns=[EVIL] * 4, unit=EVIL, centre_name=EVIL, note=EVIL)],
        logo=replace(report.logo, columns=[EVIL] * 4, counts={EVIL: report.logo.counts["found"]}, classes={EVIL: "A"}),
        headings={"plate": EVIL},
        gallery=Gallery({EVIL: [PICTURE]}, EVIL),
        traversals=[Traversal(EVIL, [EVIL], [PICTURE], [EVIL], EVIL, EVIL)],
        latent_map=replace(
            report.latent_map, value_name=EVIL, labels=[EVIL, EVIL], x_label=EVIL, y_label=EVIL, note=EVIL
        ),
        pareto=[replace(pair, labels=[EVIL, EVIL], x=replace(pair.x, name=EVIL)) for pair in report.pareto],
        traces=[replace(t, statistic=EVIL, curves=[replace(c, name=EVIL) for c in t.curves]) for t in report.traces],
        metrics=[Metric(EVIL, 1.0, EVIL, {EVIL: 1.0}, EVIL, command=EVIL)],
        calibrations=[replace(record, name=EVIL, unit=EVIL, spread=EVIL) for record in report.calibrations],
        settings={EVIL: {EVIL: EVIL}},
        provenance=replace(report.provenance, commands=[EVIL], versions={EVIL: EVIL}),
    )


def test_every_tag_is_closed_and_every_id_is_unique(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    referenced = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert {left or right for left, right in referenced} <= set(parsed.ids)


def test_the_page_loads_nothing(page):
    """The viewer could, and the browser is told to refuse."""
    namespaces = re.sub(r"xmlns(:\w+)?=['\"][^'\"]*['\"]", "", page.replace(_asset(VIEWER), ""))
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
    parsed = Page(render_page(ReportContent("Only this")))
    assert "Only this" in parsed.text
    assert not parsed.all("nav")
    assert not parsed.all("section")


def test_whatever_a_name_holds_stays_text():
    page = render_page(evil_report())
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.all("script")) == 2
    assert not parsed.all("img")
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    assert "\x00" not in page
    assert "\u202e" not in page
    assert any("<script>alert(1)</script>" in text for text in parsed.text)


def test_equal_content_makes_equal_bytes(tmp_path):
    first, second = (write_report(full_report(), tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_equal_bytes_in_another_process_and_under_another_matplotlib_style(tmp_path):
    (tmp_path / "matplotlibrc").write_text("axes.grid: False\nfont.size: 20\nsvg.fonttype: path\n")
    code = (
        "from tests.report import example; from sciencegen import report; "
        "report.write_report(example.full_report(), 'p.html')"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "MPLCONFIGDIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == render_page(full_report())


def test_other_content_makes_other_bytes(page):
    assert render_page(replace(full_report(), metrics=[Metric("distance", 0.21)])) != page


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    path = write_report(full_report(), tmp_path / "new" / "page.html")
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        write_report(replace(full_report(), metrics=[None]), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]


def test_a_hundred_candidates_stay_below_three_megabytes():
    drawing = (
        "<svg viewBox='0 0 220 160'>" + "<path d='M 154.3,129.3 L 145.5,103.2'/>" * 340 + "</svg>"
    )  # 13 kB, a real one's
    report = replace(full_report(100), candidates=replace(candidates(100), pictures=[drawing] * 100))
    assert len(render_page(report).encode()) < 3_000_000
    assert len(render_page(full_report(100)).encode()) < 500_000 + len(_asset(VIEWER))


def test_importing_the_report_does_not_import_matplotlib():
    code = "import sys, sciencegen.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_pictures_lose_the_prolog_of_a_file(page):
    assert "<?xml" in PICTURE
    assert "<?xml" not in page

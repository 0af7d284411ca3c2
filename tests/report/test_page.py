import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest

from sciencegen.report import (
    Candidates,
    Column,
    Distribution,
    Gallery,
    Metric,
    ReportContent,
    Structures,
    Traversal,
    render_page,
    write_report,
)
from sciencegen.report.metrics_table import metrics_table
from sciencegen.report.order import SECTIONS
from sciencegen.report.page import VIEWER, _asset
from tests.report.example import PICTURE, candidates, full_report


class Page(HTMLParser):
    """Start tags with their attributes; the ids; whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(full_report())


def test_every_tag_is_closed_and_every_id_is_unique(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    referenced = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert {left or right for left, right in referenced} <= set(parsed.ids)


def test_the_page_loads_nothing(page):
    """The viewer could, and the browser is told to refuse."""
    namespaces = re.sub(r"xmlns(:\w+)?=['\"][^'\"]*['\"]", "", page.replace(_asset(VIEWER), ""))
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


PARTS = {
    "candidates": "candidates",
    "structures": "structures",
    "rounds": "rounds",
    "plate": "plate",
    "heat_maps": "changes",
    "logo": "logo",
    "traces": "search",
    "pareto": "pareto",
    "gallery": "gallery",
    "distributions": "properties",
    "latent_map": "map",
    "traversals": "traversals",
    "calibrations": "calibration",
    "metrics": "metrics",
    "notes": "notes",
    "settings": "settings",
    "provenance": "provenance",
    "goals": "wish",
    "warnings": "warnings",
}


def test_every_section_has_its_part_of_the_content():
    assert {section.key for section in SECTIONS} <= set(PARTS.values())
    assert set(PARTS) <= {field.name for field in fields(ReportContent)}


@pytest.mark.parametrize(("part", "key"), PARTS.items())
def test_a_section_appears_if_and_only_if_given(part, key):
    alone = Page(render_page(ReportContent("Title", **{part: getattr(full_report(), part)})))
    assert key in alone.ids
    assert {section.key for section in SECTIONS} & set(alone.ids) <= {key}


def test_the_full_page_has_every_section_and_a_link_to_each(page):
    parsed = Page(page)
    assert set(PARTS.values()) <= set(parsed.ids)
    assert [f"#{section.key}" for section in SECTIONS] == [link["href"] for link in parsed.all("a")][1:]


def test_a_title_alone_makes_a_page_without_navigation():
    parsed = Page(render_page(ReportContent("Only this")))
    assert "Only this" in parsed.text
    assert not parsed.all("nav")
    assert not parsed.all("section")


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&$\\frac{\x00\u202e"


def evil_report() -> ReportContent:
    report = full_report(2)
    column = Column(EVIL, [1.0, 2.0], unit=EVIL, description=EVIL, goal_range=(0.0, 1.0))
    return replace(
        report,
        title=EVIL,
        summary=EVIL,
        goals=[EVIL],
        warnings=[EVIL],
        notes=[EVIL],
        candidates=Candidates([EVIL, "b"], [column, Column("text", [EVIL, None])], ids=[EVIL, "b"], item_label=EVIL),
        distributions=[Distribution(EVIL, [1.0, 2.0], [1.5], unit=EVIL)],
        structures=Structures([EVIL], [EVIL], EVIL),
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


def test_a_column_of_metrics_that_would_be_empty_is_left_out():
    heads = lambda *records: [  # noqa: E731
        name for name in ("References", "Reads as") if f">{name}</th>" in metrics_table(records)
    ]
    assert heads(Metric("count", 5), Metric("loss", 0.2)) == []
    assert heads(Metric("count", 5), Metric("loss", 0.2, direction="minimize")) == ["Reads as"]
    assert heads(Metric("count", 5), Metric("loss", 0.2, references={"data": 0.1})) == ["References"]


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


def test_structures_can_be_turned_and_cost_nothing_where_there_are_none():
    """The viewer's script stands in the page only where a structure is."""
    plain = render_page(ReportContent("t", structures=Structures(["flat"], [""])))
    shown = render_page(ReportContent("t", structures=Structures(["a", "flat", "<b>"], ["x\n1 < 2", "", "y"])))
    assert _asset(VIEWER) not in plain
    assert _asset(VIEWER) in shown
    assert re.findall(r"<pre hidden data-structure>(.*?)</pre>", shown, re.DOTALL) == ["x\n1 &lt; 2", "y"]
    assert "&lt;b&gt;" in shown

"""The documentation site is built without warnings, and holds every page, command and public name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sciencegen
from sciencegen.cli.commands import COMMANDS
from tests.documentation import PAGES, REPOSITORY, TUTORIALS

pytestmark = pytest.mark.long


pytest.importorskip("sphinx")


def build(folder, *more):
    options = ["--fail-on-warning", "--keep-going", "-q", "-b", "html", *more]
    command = [sys.executable, "-m", "sphinx", *options, "-d", folder / "trees", REPOSITORY / "docs", folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """In a plain theme: the site's own makes the tree of all pages anew for each, a third of the time."""
    return build(tmp_path_factory.mktemp("site"), "-D", "html_theme=basic")


@pytest.mark.slow
def test_its_own_theme_has_no_warnings(tmp_path):
    assert (build(tmp_path) / "index.html").exists()


@pytest.mark.long
def test_every_page_is_reached_from_the_first(site):
    index = (site / "index.html").read_text()
    for page in PAGES:
        if page.is_relative_to(REPOSITORY / "docs"):
            assert f'href="{page.relative_to(REPOSITORY / "docs").with_suffix(".html")}"' in index, page.name


def test_tutorials_end_in_a_small_picture():
    """It is committed, shown by its tutorial and by no other page, and has no more than 100 kB."""
    pictures = {path for path in (REPOSITORY / "docs" / "tutorials").iterdir() if path.suffix != ".md"}
    assert {path.stem for path in pictures} == {page.stem for page in TUTORIALS}
    for picture in pictures:
        assert picture.stat().st_size <= 100_000, picture.name
        assert f"]({picture.name})" in picture.with_suffix(".md").read_text(), picture.name


@pytest.mark.long
def test_every_command_has_its_help(site):
    text = (site / "generated/commands.html").read_text()
    headings = set(re.findall(r"<h\d><code[^>]*><span class=\"pre\">sciencegen</span>(.*?)</code>", text))
    assert {re.sub(r"<[^>]+>|\s+", " ", one).split()[0] for one in headings if one} >= set(COMMANDS)


@pytest.mark.long
def test_every_model_has_a_page_with_front_matter(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "docs")
    from model_cards import rendered

    for card in (REPOSITORY / "sciencegen" / "pretrained").rglob("card.md"):
        _, head, text = rendered(card).split("---\n", 2)
        front = yaml.safe_load(head)
        assert front["license"] == "mit"
        assert text.lstrip().startswith("# ")
        if "model-index" in front:
            assert [one["type"] for one in front["model-index"][0]["results"][0]["metrics"]] == front["metrics"]
        assert all(list((REPOSITORY / "datasets").glob(f"*/{name}")) for name in front.get("datasets", []))


@pytest.mark.long
def test_every_public_name_has_its_page(site):
    pages = {path.name for path in (site / "generated/api").iterdir()}
    assert {f"sciencegen.{name}.html" for name in sciencegen.PUBLIC_NAMES} <= pages


def test_links_stay_inside(site):
    """Relative links of all pages lead to files of the site."""
    for page in site.rglob("*.html"):
        prose = re.sub(r"<pre>.*?</pre>", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r'href="(?!\w+:|#)([^"#?]+)', prose):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_folder_of_generated_pages_is_not_committed():
    assert "docs/generated/" in (REPOSITORY / ".gitignore").read_text().splitlines()
    assert Path(REPOSITORY / "docs" / "conf.py").exists()

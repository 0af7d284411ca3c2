"""What README and pages show works: commands parse, the README's Python runs, paths, links and settings exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sciencegen.api.models.folder import shipped_names
from sciencegen.config import OptimizeSettings, RunSettings, build_settings
from tests.documentation import (
    OTHERS,
    PAGES,
    REPOSITORY,
    Command,
    blocks,
    commands,
    parse_script,
    parse_verb,
    tiny_python,
)

README, *DOCS = PAGES
EVERY_PAGE = [page for page in (*PAGES, *OTHERS) if page.exists()]
SHELL = ("bash", "console", "sh", "")
COMMANDS = [
    command
    for page in EVERY_PAGE
    for block in blocks(page)
    if block.kind in SHELL
    for command in (commands(block) if block.kind or block.text.startswith(("sciencegen ", "python ")) else ())
]
TOOLS = (
    "apptainer", "awk", "cat", "cd", "chmod", "conda", "cp", "curl", "cut", "docker", "export", "git", "hadolint",
    "make", "mkdir", "mypy", "pip", "printf", "pytest", "python3", "rattler-build", "ruff", "snakefmt", "snakemake",
    "unzip", "uv", "uvx", "zcat", ".",
)  # fmt: skip
"""Other programs that the pages may use."""


def name_of_page(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def program(command: Command) -> tuple[str, ...]:
    """The words without variables and /usr/bin/time before them."""
    words = list(command.words)
    while words and (words[0] in ("time", "/usr/bin/time", "-v") or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    return tuple(words)


def test_there_are_commands():
    verbs = [command for command in COMMANDS if program(command)[0] == "sciencegen"]
    assert len([command for command in verbs if command.block.page != README]) > 60
    assert len({program(command)[1] for command in verbs}) > 15


@pytest.mark.parametrize("page", dict.fromkeys(command.block.page for command in COMMANDS), ids=name_of_page)
@pytest.mark.long
def test_every_command_parses(page):
    wrong = {}
    for command in (one for one in COMMANDS if one.block.page == page):
        name, *words = program(command)
        try:
            if name == "sciencegen":
                parse_verb(words)
            elif name == "python":
                parse_script(words)
            else:
                assert name in TOOLS or name.startswith("./"), "an unknown program"
        except Exception as error:
            wrong[str(command)] = error
    assert wrong == {}


def test_readme_is_short():
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    assert len(text.encode()) <= 10_000
    example = next(block.text for block in blocks(README) if block.kind == "python")
    assert len(example.splitlines()) <= 15


def test_readme_shows_three_small_pictures_first():
    above = README.read_text().partition("\n## ")[0]
    pictures = re.findall(r"^!\[([^]]{20,})\]\((\S+)\)$", above, re.MULTILINE)
    assert len(pictures) == 3
    for _, path in pictures:
        assert (REPOSITORY / path).stat().st_size < 50_000, path


def test_the_gallery_has_a_thumbnail_for_each_command():
    text = (REPOSITORY / "docs" / "gallery.md").read_text()
    named = re.findall(r"^### .+\n\n!\[[^]]{15,}\]\(gallery/(\S+)\)$", text, re.MULTILINE)
    there = {path.name: path.stat().st_size for path in (REPOSITORY / "docs" / "gallery").iterdir()}
    assert len(named) == 20
    assert set(named) == set(there)
    assert max(there.values()) < 40_000


def test_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = {word for page in EVERY_PAGE for pair in MAKE.findall(page.read_text()) for word in pair if word}
    assert {"design", "test", "cpu"} <= targets
    for target in targets:
        assert f"\n{target}:" in makefile


MAKE = re.compile(r"^make (\w+)|`make (\w+)`", re.MULTILINE)


@pytest.mark.parametrize("page", EVERY_PAGE, ids=name_of_page)
def test_paths_exist_and_links_lead_somewhere(page):
    """Links to a file that exists, and to a heading in it."""
    for path in re.findall(r"`((?:workflows|datasets|tests|sciencegen|docs)/[\w./-]+)`", page.read_text()):
        assert (REPOSITORY / path).exists(), path
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, heading = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        if heading:
            lines = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}
            assert heading in anchors, target


def test_every_page_is_reached():
    text = README.read_text()
    for page in DOCS:
        assert f"({page.relative_to(REPOSITORY)})" in text, page.name


def test_figures_are_short_and_reached():
    summary = REPOSITORY / "docs" / "figures.md"
    assert len(summary.read_text().splitlines()) <= 120
    for page in (REPOSITORY / "docs" / "figures").iterdir():
        assert f"(figures/{page.name})" in summary.read_text(), page.name
        assert len(page.read_text().splitlines()) <= 200, page.name


def test_settings_are_known():
    """YAML blocks are settings of a search (with oracles) or a workflow's config, unless they are a card's."""
    for page in PAGES:
        for block in blocks(page):
            if block.kind == "yaml":
                content = yaml.safe_load(block.text)
                build_settings(RunSettings if "domain" in content else OptimizeSettings, content)


@pytest.mark.long
@pytest.mark.skipif("molecules" not in shipped_names(), reason="no weights of molecules are shipped")
def test_the_python_example_runs(capsys, tiny_draws):
    for block in blocks(README):
        if block.kind == "python":
            exec(compile(tiny_python(block.text), "README.md", "exec"), {})
    assert "qed" in capsys.readouterr().out

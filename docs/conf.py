"""Builds the documentation site: these pages, the references of the commands and of Python, cards and licences.

    make docs

Pages that other files hold, such as the cards of models and the changelog, and the reference of the commands are
written into docs/generated before Sphinx reads them.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import click
import typer
from pygments.lexers.python import PythonLexer
from sphinx.application import Sphinx
from sphinx.config import Config
from typer.cli import get_docs_for_click

import sciencegen
from sciencegen.cli.main import app

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
from model_cards import rendered  # noqa: E402
from number_tables import FOLDER, write_number_tables  # noqa: E402

REPOSITORY = DOCS.parent
GENERATED = DOCS / "generated"

project = "sciencegen"
author = "the sciencegen authors"
version = release = sciencegen.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = f"sciencegen {version}"
exclude_patterns = ["build"]
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 4
napoleon_numpy_docstring = True
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
copybutton_exclude = ".linenos, .gp, .go"
nitpicky = False

PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "datasets/README.md": "datasets.md",
    "config/README.md": "workflow-config.md",
}
"""Files of the repository -> their pages in docs/generated."""
API = """
Python reference
================

Each name is imported from ``sciencegen``.

.. currentmodule:: sciencegen

.. autosummary::
   :toctree: api
   :nosignatures:

"""
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s]+)\)")


def cards() -> dict[str, str]:
    """The cards of shipped weights -> their pages."""
    folder = REPOSITORY / "sciencegen" / "pretrained"
    found = sorted(folder.rglob("card.md"))
    return {str(card.relative_to(REPOSITORY)): f"card-{card.parent.name}.md" for card in found}


def moved(text: str, source: Path, page: Path) -> str:
    """The text of `source` with its relative links as `page` has them.

    Links to files that are no page lead to the repository.
    """
    pages = {name: GENERATED / new for name, new in (PAGES | cards()).items()}

    def target(match: re.Match[str]) -> str:
        path, _, anchor = match[1].partition("#")
        file = (source.parent / path).resolve()
        name = file.relative_to(REPOSITORY).as_posix() if file.is_relative_to(REPOSITORY) else path
        if name in pages or (file.is_relative_to(DOCS) and file.suffix == ".md"):
            new = posixpath.relpath(pages.get(name, file).as_posix(), page.parent.as_posix())
        elif file.is_relative_to(DOCS) and file.exists():
            new = posixpath.relpath(file.as_posix(), page.parent.as_posix())
        elif file.exists():
            new = f"{repository_address()}/blob/main/{quote(name)}"
        else:
            return match[0]
        return f"]({new}{'#' if anchor else ''}{anchor})"

    return LINK.sub(target, text)


def repository_address() -> str:
    """The address of the repository, from the package's metadata."""
    from importlib.metadata import metadata

    addresses = dict(line.split(", ", 1) for line in metadata("sciencegen").get_all("Project-URL") or [])
    return addresses["Documentation"].partition("#")[0]


def write_pages(_: Sphinx, __: Config) -> None:
    """Write the pages in docs/generated."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    for name, page in (PAGES | cards()).items():
        source = REPOSITORY / name
        text = rendered(source) if source.name == "card.md" else source.read_text("utf-8")
        (GENERATED / page).write_text(moved(text, source, GENERATED / page), "utf-8")
    (GENERATED / "commands.md").write_text(commands(), "utf-8")
    write_number_tables(GENERATED / FOLDER)
    lines = [f"{name.removesuffix('.md')}\n" for name in cards().values()]
    (GENERATED / "cards.md").write_text(f"# Cards of shipped models\n\n```{{toctree}}\n{''.join(lines)}```\n", "utf-8")
    public = "".join(f"   {name}\n" for name in sciencegen.PUBLIC_NAMES)
    (GENERATED / "api.rst").write_text(API + public, "utf-8")


def commands() -> str:
    """The reference of the commands, from their help."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=click.Context(command, info_name="sciencegen"), name="sciencegen")
    lines = [line for line in text.splitlines() if "--help" not in line and "-completion" not in line]
    return "\n".join(["# Commands", *lines[1:]]).replace("```console\n$ ", "```console\n") + "\n"


def read_source(_: Sphinx, docname: str, source: list[str]) -> None:
    """Let links of the pages to other files of the repository lead to their pages."""
    page = DOCS / f"{docname}.md"
    if not page.is_relative_to(GENERATED) and page.exists():
        source[0] = moved(source[0], page, page)


def setup(application: Sphinx) -> None:
    """Connect the functions above to Sphinx."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    application.add_lexer("snakemake", PythonLexer)
    application.connect("config-inited", write_pages)
    application.connect("source-read", read_source)

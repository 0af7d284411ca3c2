"""docs/licences.md lists what the project uses and ships."""

import tomllib
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest

from sciencegen.data.cards import list_cards
from tests import licences
from tests.versions import PYPROJECT, name_of, normalized, requirements

PACKAGE = PYPROJECT.parent / "sciencegen"
PAGE = (PYPROJECT.parent / "docs" / "licences.md").read_text()
OURS = {".py", ".pyi", ".md", ".typed", ".css"}
PROJECT = tomllib.loads(PYPROJECT.read_text())["project"]
DIRECT = sorted({normalized(name_of(line)) for line in requirements(PROJECT, ["all"])})


def test_direct_dependencies_and_nothing_else_are_listed_as_such():
    listed = PAGE.split("## Libraries")[1].split("Those that they need")[0]
    assert [name for name in DIRECT if f"\n| {name} | " not in listed] == []
    assert listed.count("\n| ") == len(DIRECT) + 2


def test_each_dataset_is_listed_as_its_card_says():
    for card in list_cards():
        assert f"| {' | '.join(licences.row_of_dataset(card))} |\n" in PAGE, card.full_name


def test_every_shipped_file_is_listed():
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in OURS]
    files = [path for path in files if "__pycache__" not in path.parts and "_shared" not in path.parts]
    named = {path: [name for name in licences.FILES if path.match(name)] for path in files}
    weights = {str(path.parent.relative_to("pretrained")) for path in files if path.parts[0] == "pretrained"}
    assert weights == set(licences.WEIGHTS)
    own = {Path("report") / name for name in ("page.js", "page.html", "sections.html", "viewer.html")}
    own |= {Path("report/3Dmol-LICENSE.txt"), Path("serving/openapi.html")}
    own |= {Path("browser/page") / name for name in ("page.html", "regl-scatterplot-LICENSES.txt")}
    own |= {Path("browser/page") / name for name in ("data.js", "grid.js", "item.js", "main.js", "map.js", "panels.js")}
    assert {path for path, names in named.items() if not names and path.parts[0] != "pretrained"} == own
    for name in [*licences.FILES, *licences.WEIGHTS]:
        assert f"\n| `{name}` | " in PAGE


def test_no_shipped_sample_is_under_a_non_commercial_licence():
    for card in list_cards():
        assert not card.samples or not {"NC", "Unclear"} & set(card.licence.replace("-", " ").replace(":", "").split())


class Metadata(dict):
    def get_all(self, name, default):
        return super().get(name, default)


@pytest.mark.parametrize(
    ("fields", "text", "expected"),
    [
        ({"License-Expression": "MIT", "License": "other"}, "", "MIT"),
        ({"License": "BSD-3-Clause"}, "", "BSD-3-Clause"),
        (
            {"License": "MIT License\n\nCopyright", "Classifier": ["License :: OSI Approved :: MIT License"]},
            "",
            "MIT License",
        ),
        ({"License": "GNU LESSER\n  Version 3\n\nEveryone"}, "", "GNU LESSER Version 3"),
        ({}, "The MIT License\n\nCopyright", "The MIT License"),
        ({}, "", "not stated"),
    ],
)
def test_a_package_states_its_licence(tmp_path, fields, text, expected):
    path = tmp_path / "LICENSE"
    path.write_text(text)
    assert licences.stated_licence(SimpleNamespace(metadata=Metadata(fields), files=[path])) == expected


def test_needed_packages_are_followed_through_extras():
    found = licences.needed(["lightning"])
    assert {"lightning", "torch", "fsspec", "aiohttp"} <= found.keys()
    assert found["torch"].version == distribution("torch").version
    assert "sphinx" not in found
    assert licences.needed(["no-such-package"]) == {}

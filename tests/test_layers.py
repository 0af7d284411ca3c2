"""The import arrows: each row may import the rows below it, never sideways unless it says so, never upward."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sciencegen.domains import DOMAINS

PACKAGE = Path(__file__).parents[1] / "sciencegen"

FLOOR = {
    "batch",
    "config",
    "devices",
    "errors",
    "figures",
    "files",
    "items",
    "options",
    "plugins",
    "progress",
    "records",
    "yaml_text",
}
PROTOCOLS = {"sciencegen.scoring.oracles", "sciencegen.latent.space"}
MATHEMATICS = {"compression", "vae", "diffusion", "networks", "metrics"}
JOINERS = {"browser", "report", "training", "prediction", "latent", "optimization", "scoring"}
DATA = {"data", "runs"}

ALLOWED = {
    **{name: FLOOR for name in FLOOR},
    **{name: FLOOR | DATA for name in DATA},
    **{name: FLOOR | DATA | {"networks"} for name in MATHEMATICS},
    **{name: FLOOR | DATA | MATHEMATICS for name in JOINERS},
    "domains": FLOOR | DATA | MATHEMATICS | JOINERS,
    "api": FLOOR | DATA | MATHEMATICS | JOINERS | {"domains", "__init__"},
    "serving": FLOOR | DATA | {"browser", "__init__"},
    "__main__": {"cli"},
    "cli": {
        "api",
        "config",
        "data",
        "errors",
        "files",
        "plugins",
        "progress",
        "serving",
        "yaml_text",
        "__init__",
    },
}
"""Room -> the rooms that it may import beside itself."""

API_FLOORS = (
    "science", "sources", "models", "predictors", "criteria", "sampling", "scores", "search", "writing",
    "campaign", "reports", "verbs", "workflow", "run",
)  # fmt: skip
"""Packages and files of `api`, lowest first: each may import those before it. `verbs` are its other files; `run` stands
above all."""

HEAVY = {
    "torch", "rdkit", "e3nn", "lightning", "pandas", "sklearn", "botorch", "numpy", "scipy", "matplotlib", "pyarrow",
    "starlette", "uvicorn", "mcp",
}  # fmt: skip
LIGHT = [
    "__init__.py",
    *(f"{room}/{path.name}" for room in ("cli", "config") for path in (PACKAGE / room).glob("*.py")),
]

ROOM_OF_LIBRARY = {
    "rdkit": ["domains/molecules"], "selfies": ["domains/molecules"], "fcd": ["domains/molecules"],
    "posebusters": ["domains/molecules"], "Bio": ["domains/proteins"], "tmtools": ["domains/proteins"],
    "galsim": ["domains/galaxies"], "astropy": ["domains/galaxies"], "photutils": ["domains/galaxies"],
    "h5py": ["data", "domains/galaxies", "domains/tables"], "zarr": ["data"], "openpyxl": ["data"],
    "dnachisel": ["domains/proteins"], "constriction": ["compression"], "PIL": ["domains/galaxies"],
    "lightning": ["training"], "pytorch_optimizer": ["training"], "botorch": ["optimization"], "cma": ["optimization"],
    "e3nn": ["networks/harmonics.py"],
    "ase": ["domains/crystals"], "spglib": ["domains/crystals"], "pymatgen": ["domains/crystals"],
    "sklearn": ["prediction", "metrics"], "matplotlib": ["figures", "report", "domains", "latent"],
    "typer": ["cli"], "rich": ["cli"], "umap": ["latent"], "jinja2": ["report", "browser", "serving"],
    "starlette": ["serving"], "uvicorn": ["serving"], "mcp": ["serving"], "mcp_types": ["serving"],
}  # fmt: skip


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def is_module(base: str, name: str) -> bool:
    """Whether `from base import name` imports a module of ours rather than something in one."""
    place = PACKAGE.parent / base.replace(".", "/") / name
    return place.with_suffix(".py").exists() or place.is_dir()


NAMED = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg"}


@cache
def read(path: Path) -> tuple[set[str], set[str], set[str]]:
    """Every module that a file imports, those that importing it imports, and the names that its code works with. Its
    tree isn't kept: garbage collection would look at all trees again and again."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    everywhere, on_import = (set().union(*(imported(node, path) for node in some)) for some in (nodes, tree.body))
    return everywhere, on_import, {getattr(node, NAMED[type(node)]) for node in nodes if type(node) in NAMED}


def imported(node: ast.AST, path: Path) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not isinstance(node, ast.ImportFrom):
        return set()
    assert node.level == 0, f"{path}: imports are absolute here"
    base = node.module or ""
    return {f"{base}.{alias.name}" if is_module(base, alias.name) else base for alias in node.names}


def imports(path: Path) -> set[str]:
    return read(path)[0]


FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_shared" not in path.parts)


@pytest.mark.long
def test_arrows_point_down() -> None:
    for path, name in ((one, name) for one in FILES for name in imports(one)):
        if not name.startswith("sciencegen") or name in PROTOCOLS:
            continue
        here, parts = room(path), name.split(".")
        there = parts[1] if len(parts) > 1 else "__init__"
        assert there in ALLOWED.get(here, FLOOR) | {here}, f"{path.relative_to(PACKAGE)} must not import {name}"


def floor_of(name: str) -> str | None:
    """The floor of a module of `api`, None of any other module."""
    parts = name.split(".")
    if parts[:2] != ["sciencegen", "api"] or len(parts) == 2:
        return None
    return parts[2] if parts[2] in API_FLOORS or (PACKAGE / "api" / parts[2]).is_dir() else "verbs"


def test_arrows_point_down_inside_api() -> None:
    """Lazy imports and imports for the type checker count."""
    for path in (path for path in FILES if room(path) == "api"):
        here = floor_of(".".join(("sciencegen", *path.relative_to(PACKAGE).with_suffix("").parts)))
        for name in imports(path):
            there = floor_of(name)
            if here is None or there is None or there == here:
                continue
            assert API_FLOORS.index(there) < API_FLOORS.index(here), f"{path.relative_to(PACKAGE)} imports {name}"


def test_contributors_are_told_the_same_order() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    sentence = text[text.index("Inside `api/`, from top to bottom:") :].split(".")[0]
    assert re.findall(r"`(\w+)`", sentence) == list(reversed(API_FLOORS))


def test_contributors_are_told_every_room() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    table = text[text.index("| in `sciencegen/` |") : text.index("Two files of protocols")]
    told = re.findall(r"[\w.]+", " ".join(line.split("|")[1] for line in table.splitlines()[2:] if line))
    assert {name.removesuffix(".py") for name in told} == {room(path) for path in FILES} - {"__init__"} | {"pretrained"}


def test_contributors_are_told_files_that_exist() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"\b(?:sciencegen|tests|api|cli|config|optimization|domains)/[\w/]+\.(?:py|html)\b", text))
    assert len(named) > 40
    assert {name for name in named if not any((top / name).exists() for top in (PACKAGE, PACKAGE.parent))} == set()


def test_contributors_are_told_functions_that_exist() -> None:
    """Those that stand beside their file in the pictures."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    told = re.findall(r"(?m)^[ |-]*([\w/]+\.py) +(\w+)(?::|  )", text)
    assert len(told) > 4
    for name, function in told:
        assert re.search(rf"(?m)^(def|class) {function}\b", (PACKAGE / name).read_text()), f"{name} has no {function}"


def test_no_files_import_each_other() -> None:
    """Lazy imports and imports for the type checker count."""
    names = {".".join(("sciencegen", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in FILES}
    left = {name: imports(path) & names.keys() - {name} for name, path in names.items()}
    while free := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in free}
    assert not left, f"files that import each other are among {sorted(left)}"


FOLDERS = {target.partition(":")[0].split(".")[2] for target in DOMAINS.values()}
"""The folders of the domains in `sciencegen/domains`."""


def test_no_domain_imports_another() -> None:
    for path in (path for path in FILES if room(path) == "domains"):
        own = path.relative_to(PACKAGE / "domains").parts[0]
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["sciencegen", "domains"] and len(parts) > 2 and parts[2] in FOLDERS:
                assert parts[2] == own, f"{path.relative_to(PACKAGE)} must not import {name}"


def test_the_door_is_light() -> None:
    for name in LIGHT:
        heavy = {module for module in read(PACKAGE / name)[1] if module.split(".")[0] in HEAVY}
        assert not heavy, f"{name} imports {heavy} before it is needed"


def test_each_library_has_its_room() -> None:
    for path in FILES:
        for library in {name.split(".")[0] for name in imports(path)} & ROOM_OF_LIBRARY.keys():
            rooms = ROOM_OF_LIBRARY[library]
            inside = any(path.is_relative_to(PACKAGE / place) for place in rooms)
            assert inside, f"{path.relative_to(PACKAGE)} imports {library}; it belongs to {rooms}"


SCIENCE = ("smiles", "rdkit", "selfies", "molecul", "protein", "galax")
GENERIC = [
    "browser",
    "compression",
    "serving",
    "vae",
    "diffusion",
    "networks",
    "metrics",
    "training",
    "latent",
    "optimization",
    "scoring",
    "prediction",
    "data",
    "report",
]


def test_no_science_leaks_into_generic_code() -> None:
    """Words of a science may stand in docstrings and help as examples, never in the names that code works with."""
    for path in (path for path in FILES if room(path) in {*GENERIC, "api", "cli"}):
        found = {one for one in read(path)[2] if any(word in one.lower() for word in SCIENCE)}
        assert not found, f"{path.relative_to(PACKAGE)} knows of {found}"

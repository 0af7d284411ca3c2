"""Other people's oracles load by entry point or path, whatever form they have."""

from importlib.metadata import EntryPoint

import pytest

from sciencegen.errors import ConfigError
from sciencegen.scoring import plugins
from sciencegen.scoring.oracles import Oracle

SOURCE = """
from sciencegen.scoring.oracles import FunctionOracle
def length(item): return len(item)
def make(): return FunctionOracle("made", len, "letters", "minimize")
def wrong(): return 3
ready = FunctionOracle("ready", len)
class Rule:
    name, unit, direction = "rule", "", None
    def score(self, items): return [None for _ in items]
number = 7
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "toy_oracles_in_cwd.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return "toy_oracles_in_cwd"


@pytest.mark.parametrize(
    ("attribute", "name"), [("length", None), ("make", "made"), ("ready", "ready"), ("Rule", "rule")]
)
def test_every_form_becomes_an_oracle(module, attribute, name):
    oracle = plugins.load_plugged(f"{module}:{attribute}")
    assert isinstance(oracle, Oracle)
    assert oracle.name == (name or f"{module}:{attribute}")


def test_a_function_scores_items(module):
    assert plugins.load_plugged(f"{module}:length").score(["abc"])[0].value == 3.0


@pytest.mark.parametrize("attribute", ["number", "wrong", "absent"])
def test_what_is_no_oracle_is_refused(module, attribute):
    with pytest.raises(ConfigError, match="Expected"):
        plugins.load_plugged(f"{module}:{attribute}")


def test_entry_points_load_by_name(module, monkeypatch):
    entry = EntryPoint("my_score", f"{module}:length", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.GROUP else [])
    assert plugins.plugged_names() == ["my_score"]
    assert plugins.load_plugged("my_score").score(["ab"])[0].value == 2.0
    with pytest.raises(ConfigError, match="my_score"):
        plugins.load_plugged("my_scor")


def test_unknown_modules_say_what_failed():
    with pytest.raises(ConfigError, match="ModuleNotFoundError"):
        plugins.load_plugged("no_such_module_here:f")
    assert not plugins.is_plugged("no such form")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("toy_oracles_in_cwd:lenght", "no attribute 'lenght'"),
        ("no_such_module_here:f", "No module named 'no_such_module_here'"),
        ("toy_package_in_cwd.inner:g", "no attribute 'g'"),
        ("toy_package_in_cwd.outer:f", "No module named 'toy_package_in_cwd.outer'"),
        ("toy_oracles_in_cwd.inner:f", "No module named"),
    ],
)
def test_a_wrong_path_is_told_without_an_import(package, name, cause):
    with pytest.raises(ConfigError, match=cause):
        plugins.check_plugged(name)
    assert not package.exists()


@pytest.mark.parametrize(
    "name",
    ["toy_oracles_in_cwd:length", "toy_package_in_cwd.inner:f", "toy_package_in_cwd:made", "math:sqrt", "os.path:join"],
)
def test_a_right_path_passes_without_an_import(package, name):
    plugins.check_plugged(name)
    assert not package.exists()


@pytest.fixture
def package(module, tmp_path):
    """A package whose import would leave a file, whose path is returned."""
    leave = "import pathlib\npathlib.Path('imported').touch()\n"
    folder = tmp_path / "toy_package_in_cwd"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"{leave}globals()['ma' + 'de'] = len\n")
    (folder / "inner.py").write_text(f"{leave}def f(item): return 1.0\n")
    return tmp_path / "imported"

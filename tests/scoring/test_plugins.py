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

"""Texts of a config reach the steps as they are: no shell runs them, and Snakemake takes none for a wildcard."""

import json
import random
import re

import pytest

from tests.workflows.conftest import CONFIG, edited
from tests.workflows.snakemake_process import WORKFLOWS

RULES = sorted((WORKFLOWS / "rules").glob("*.smk"))
HOSTILE = ("'; touch PWNED; echo '", '"; touch PWNED; echo "', "$(touch PWNED)", "`touch PWNED`", "; touch PWNED #")
BRACES = ("{input}", "{output}", "{word}", "{{", "}", "{0}", "{word,.*}")
"""Snakemake's own syntax, which may stand in any text but a file's name."""


def hostile_config(seed):
    """CONFIG with texts that a shell or Snakemake would run or replace, wherever a config has a text."""
    draw = random.Random(seed)
    parts = (*HOSTILE, *BRACES, "a", "ü", " ", "\\", "\n", "*", "~", "&", "|", "%s")
    text = lambda: "".join(draw.choices(parts, k=4))  # noqa: E731
    plain = lambda: "x" + draw.choice(HOSTILE).replace("/", "")  # noqa: E731
    table = {"table": "stain.csv", "target": text()}
    return {
        **CONFIG,
        "name": f"Anna's run {plain()}",
        "structures": f".{draw.choice(HOSTILE)}.sdf",
        "prepare": {"source": "items.smi", "column": text(), "properties": [text()]},
        "complete": {"settings": {text(): text()}},
        "generate": {"n": 7, "where": [text()]},
        "predict": {plain(): table, "Bob's (nM)": {**table, "settings": {text(): text()}}},
        "optimize": {
            "goals": [text()],
            "oracles": {text(): {"command": f"./dock.sh {{input}} {{output}} {text()}"}},
            "training": "known.smi",
        },
        "variants": {"variants": text()},
        "propose": {"measured": "stain.csv", "target": text(), "pool": "pool.csv"},
        "report": {"title": text()},
    }


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_hostile_texts_reach_the_steps_as_they_are(place, seed):
    config = hostile_config(seed)
    done = place.snakemake("--cores", 2, config=config)
    assert done.returncode == 0, done.stderr
    assert not list(place.folder.rglob("PWNED*"))
    results = f"results/molecules/{config['name']}"
    words = {call["verb"]: call["words"] for call in place.calls()}
    trained = [call["words"] for call in place.calls("train")]
    seen = {verb: json.loads(some[some.index("--settings") + 1]) for verb, some in words.items() if verb != "score"}
    assert seen["report"] == config
    assert seen["optimize"]["oracles"] == config["optimize"]["oracles"]
    assert seen["generate"]["where"] == config["generate"]["where"]
    assert seen["propose"]["target"] == config["propose"]["target"]
    (completing,) = (some for some in trained if "--item-column" in some)
    assert completing[completing.index("--item-column") + 1] == config["prepare"]["column"]
    searching = words["optimize"]
    assert searching[searching.index("--structures") + 1] == f"{results}/candidates{config['structures']}"
    assert words["score"][words["score"].index("--variants") + 1] == config["variants"]["variants"]
    named = [word for word in words["score"] if word.startswith(tuple(config["predict"]))]
    assert sorted(named) == sorted(f"{name}={results}/predictors/{name}" for name in config["predict"])
    targets = [call["words"][call["words"].index("--target") + 1] for call in place.calls("predictor")]
    assert targets == [one["target"] for one in config["predict"].values()]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_quotes_by_hand(path):
    """Every placeholder of a command is quoted by Snakemake (:q), and no text of a rule holds quotes of its own."""
    text = path.read_text()
    for shell in re.findall(r"    shell:\n((?:        .*\n)+)", text):
        command = "".join(re.findall(r'"([^"]*)"', shell)).replace("{{", "").replace("}}", "")
        assert "'" not in command
        bare = [name for name in re.findall(r"\{([^}]*)\}", command) if not name.endswith(":q")]
        assert set(bare) <= {"threads"}, "these aren't quoted"
    assert not re.search(r"""['"]\{[^}\n]*\}['"]|f"[^"\n]*'\{""", text.replace('"{{', "")), "quotes around a value"


def test_a_device_is_one_of_the_known(place):
    done = place.snakemake("-n", config=edited("device", value="cpu; touch PWNED"))
    assert done.returncode == 1
    assert "'cpu; touch PWNED' is not one of ['auto', 'cpu', 'cuda', 'mps']" in done.stdout + done.stderr

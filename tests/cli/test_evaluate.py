"""evaluate: metrics have their units, and a model's likelihood is said in bits."""

import json
from pathlib import Path

import pytest


@pytest.mark.long
def test_metrics_have_their_units(cli):
    Path("x.smi").write_text("CCO\nc1ccccc1\nCCN\n")
    result = cli("evaluate", "molecules", "x.smi", "--against", "x.smi", "-o", "e.json")
    assert result.code == 0, result.err
    assert "g/mol" in next(line for line in result.err.splitlines() if line.startswith("wasserstein_mw"))


@pytest.mark.parametrize(("model", "coded"), [("molecules-language-model", True), ("qm9-conformers", False)])
def test_a_model_codes_the_items_to_compare_with(cli, model, coded):
    Path("x.smi").write_text("CCO\nc1ccccc1\nCCN\n")
    result = cli("evaluate", "molecules", "x.smi", "--against", "x.smi", "--model", model, "-o", f"{model}.json")
    assert result.code == 0, result.err
    metrics = json.loads(Path(f"{model}.json").read_text())
    assert ("bits_per_item" in metrics) == coded
    assert ("--model adds nothing" in result.err) == (not coded)
    if coded:
        assert 0 < metrics["bits_per_value"] < metrics["bits_per_item"]
        line = next(line for line in result.err.splitlines() if line.startswith("bits_per_item"))
        assert "-log2 p of an item to compare with" in line

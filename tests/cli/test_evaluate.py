"""evaluate: metrics have their units."""

from pathlib import Path


def test_metrics_have_their_units(cli):
    Path("x.smi").write_text("CCO\nc1ccccc1\nCCN\n")
    result = cli("evaluate", "molecules", "x.smi", "--against", "x.smi", "-o", "e.json")
    assert result.code == 0, result.err
    assert "g/mol" in next(line for line in result.err.splitlines() if line.startswith("wasserstein_mw"))

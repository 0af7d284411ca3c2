"""What became of each row of a damaged table: the numbers of every verb's ledger add up to the rows that it read."""

import pytest

import sciencegen as sg

GOOD = [f"{'C' * carbons}{end}" for carbons in range(1, 11) for end in ("O", "N", "C=O")]
BAD = ["C1CC", "", "CС", "*CC", "C" * 20_000]
"""An open ring, nothing, a Cyrillic letter, an undefined atom, and a chain that no parser survives."""
TINY = {"width": 32, "heads": 2, "layers": 1, "hidden": 48, "code": 16, "flow_layers": 2, "flow_width": 32}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """40 rows: 30 molecules, of which 2 have no value and one has a text, 5 repeats of them, and 5 that are none."""
    path = tmp_path_factory.mktemp("damaged") / "table.csv"
    values = ["", "", "high", *(f"{row / 10}" for row in range(3, 30))]
    rows = [*zip(GOOD, values, strict=True), *((one, "1.5") for one in [*GOOD[-5:], *BAD])]
    path.write_text("smiles,activity\n" + "".join(f"{one},{value}\n" for one, value in rows), encoding="utf-8")
    return path


def ledger(found):
    """The ledger of a summary, whose parts are counts that add up."""
    (_, whole), *parts = found["ledger"].items()
    assert sum(count for _, count in parts) == whole
    assert "unexplained" not in found["ledger"]
    return found["ledger"]


def test_prepare_and_train(table, tmp_path):
    fractions = {"train": 0.8, "test": 0.2}
    prepared = sg.prepare(
        "molecules", tmp_path / "data", source=str(table), fractions=fractions, properties="mw", threads=1
    )
    train, test = prepared.count("train"), prepared.count("test")
    assert train + test == 30
    assert ledger(prepared.summary) == {"rows": 40, "train": train, "test": test, "duplicates": 5, "refused": 5}
    given = {"recipe": "selfies-vae", "settings": TINY, "finish": {"steps": 1}, "threads": 1}
    given |= {"training": {"steps": 1, "batch_size": 4}, "conditions": ["activity"]}
    apart = sg.train("molecules", tmp_path / "data", folder=tmp_path / "apart", limit=20, **given)
    over, few = max(0, train - 20), min(train, 20)
    expected = {"rows": 30, "trained on": few, "held out": test, "over the limit": over}
    assert ledger(apart.metrics) == {name: count for name, count in expected.items() if count}
    whole = sg.train("molecules", table, folder=tmp_path / "whole", **given)
    assert ledger(whole.metrics) == {"rows": 40, "trained on": 30, "duplicates": 5, "refused": 5}


def test_train_a_predictor(table, tmp_path):
    given = {"settings": {"families": ["ridge"], "folds": 3}, "evaluation_repeats": None, "threads": 1}
    found = sg.train_predictor("molecules", table, target="activity", folder=tmp_path / "predictor", **given)
    assert ledger(found.metrics) == {"rows": 40, "used": 32, "without a number": 3, "refused": 5}


def test_replayed_and_proposed_plates(table):
    found = sg.backtest(
        "molecules", table, target="activity", batch=5, rounds=2, repeats=1, methods="random", threads=1
    )
    expected = {"rows": 40, "used": 27, "replicates": 5, "unmeasured": 2, "refused": 6}
    assert ledger(found.summary) == expected
    given = {"pool": str(table), "batch": 3, "surrogate": "ensemble", "scale": "linear", "threads": 1}
    plate = sg.propose("molecules", measured=str(table), target="activity", **given)
    assert plate.summary["measured_ledger"] == expected
    assert ledger(plate.summary)["asked"] == 3


def test_compared_and_mapped_items(table):
    found = sg.evaluate("molecules", table, against=str(table), threads=1)
    assert ledger(found.metrics) == {"samples": 40, "distinct": 31, "repeated": 5, "not valid": 4}  # RDKit reads *CC
    assert ledger(sg.latent_map("molecules", table, threads=1, include="mw").summary)["refused"] == 5

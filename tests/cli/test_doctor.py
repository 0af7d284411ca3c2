"""doctor: what an installation has."""

from __future__ import annotations

import json

import pytest


@pytest.mark.long
def test_datasets_and_doctor_speak_json(cli):
    listed = json.loads(cli("datasets", "list", "--json").out)
    shown = json.loads(cli("datasets", "show", listed[0]["name"], "--json").out)
    assert {"name", "rows", "here"} <= set(listed[0])
    assert shown["sources"]
    found = json.loads(cli("doctor", "--json").out)
    assert {"libraries", "devices", "weights", "datasets"} <= set(found)
    assert len(found["weights"]) > 1
    assert all(text.startswith("loads; ") for text in found["weights"].values())
    assert found["predictors"]["qm9-properties"].startswith("loads; molecules, dipole, ")
    assert cli("datasets", "show", "nonesuch").code == 2

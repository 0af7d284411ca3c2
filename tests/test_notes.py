"""Notes of a step are records in the run's folder."""

import json

from sciencegen import progress as notes


def test_a_step_of_a_run_leaves_its_notes_and_replaces_them(tmp_path, monkeypatch):
    monkeypatch.setenv(notes.RUN, str(tmp_path))
    for said in (["note: few", "done", "note: `wild_type` is missing"], ["note: few"]):
        monkeypatch.setattr(notes, "_noted", [])
        for message in said:
            notes.record(message)
        monkeypatch.setattr(notes, "ledgers", [{"rows": 6, "used": 6}])
        notes.leave(["optimize", "molecules", "-o", str(tmp_path / "search/c.parquet")])
    (path,) = (tmp_path / "notes").iterdir()
    assert path.name == "search-c.parquet.json"
    kept = {"step": "optimize", "notes": ["few"], "output": "search/c.parquet", "ledgers": [{"rows": 6, "used": 6}]}
    assert json.loads(path.read_text()) == kept


def test_outside_a_run_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(notes, "_noted", ["few"])
    monkeypatch.delenv(notes.RUN, raising=False)
    notes.leave(["optimize", "-o", str(tmp_path / "c.csv")])
    monkeypatch.setenv(notes.RUN, str(tmp_path / "run"))
    for words in (["optimize", "-o", str(tmp_path / "c.csv")], ["doctor"], ["optimize", "-o"]):
        notes.leave(words)
    assert list(tmp_path.iterdir()) == []

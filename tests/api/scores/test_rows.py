"""Score in Python: one text or several, and when an input is read."""

import pytest

from sciencegen.api.benchmark import resolve_benchmark
from sciencegen.api.score import resolve_score, score
from sciencegen.api.scores import Scoring, ScoringTask
from sciencegen.config import BenchmarkSettings, ScoreSettings
from sciencegen.data.workers import Failure
from sciencegen.errors import ConfigError
from sciencegen.items import Row
from sciencegen.scoring.oracles import Score

CLOUD = "0 1;1 0;0 0;1 1;2 2"


def test_one_text_is_one_item_and_one_name():
    table = score("pointclouds", CLOUD, "height").table
    assert list(table) == ["item", "height", "refused"]
    assert table["height"].tolist() == [0.8]


def test_one_task_and_one_method_may_stand_alone(monkeypatch):
    monkeypatch.setattr("sciencegen.api.benchmark.open_model", lambda domain, model, resources: _Model())
    settings = BenchmarkSettings(tasks="far", methods="prior", seeds=1)
    assert [case[:2] for case in resolve_benchmark("toy", settings).cases] == [("far", "prior")]


class _Model:
    class domain:
        name = "pointclouds"


def test_a_wrong_name_is_told_before_any_row_is_read(tmp_path):
    with pytest.raises(ConfigError, match="height"):
        resolve_score("pointclouds", tmp_path / "unread.csv", ScoreSettings(names="hight"))


def test_a_cache_without_a_program_is_told(tmp_path):
    """Programs alone have their scores kept, so the file would stay away without a word."""
    path = tmp_path / "scores.sqlite"
    (note,) = score("pointclouds", CLOUD, "height", cache=str(path)).notes
    assert str(path) in note
    assert not path.exists()


def test_names_come_along_where_the_first_row_has_none():
    rows = [Row(1, CLOUD), Row(2, CLOUD, id="b")]
    (chunk,) = Scoring(ScoringTask("pointclouds", ("height",), threads=1), rows)
    assert chunk.values["id"] == ["", "b"]


def test_a_score_that_no_item_has_is_told_with_its_reason(monkeypatch):
    def scored(task, texts, **settings):
        good, failed = Score(1.0), Score(None, failure="too wide")
        yield 0, list(texts), [(CLOUD, [good, failed, failed if row else good], []) for row in range(3)]

    monkeypatch.setattr("sciencegen.api.scores.map_chunks_killable", scored)
    task = ScoringTask("pointclouds", ("height", "width", "depth"))
    scoring = Scoring(task, [Row(line, CLOUD) for line in (1, 2, 3)])
    chunks = list(scoring)
    assert scoring.notes == ["no item has a value of width; the first: too wide"]
    assert (scoring.failed, scoring.valued, len(chunks[0].refused)) == (5, 4, 5)


@pytest.mark.parametrize(("name", "sizes"), [("length", [3]), ("perplexity", [1, 1, 1])])
def test_slow_scores_have_the_limit_of_time_for_each_item(monkeypatch, name, sizes):
    """The limit is that of a chunk."""
    found = []

    def chunks(task, texts, *, processes, chunk, timeout_s):
        members = list(texts)
        for start in range(0, len(members), chunk):
            found.append(len(members[start : start + chunk]))
            yield start, members[start : start + chunk], Failure("not run")

    monkeypatch.setattr("sciencegen.api.scores.map_chunks_killable", chunks)
    list(Scoring(ScoringTask("proteins/structures", (name,), threads=1), [Row(1, "a"), Row(2, "b"), Row(3, "c")]))
    assert found == sizes

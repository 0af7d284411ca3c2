"""What a run's page says of its draws, where the run has a model and a predictor."""

import shutil

import pyarrow.parquet as pq

from sciencegen.api.reports import notes as report_notes
from sciencegen.api.reports.contents import RunContents
from sciencegen.api.reports.notes import warnings
from sciencegen.api.sampling.request import UNCHECKED
from sciencegen.config import RunSettings
from sciencegen.scoring.oracles import Score


def test_what_only_a_predictor_can_judge_of_draws_is_told_by_it(cli, workspace, tmp_path, monkeypatch):
    """In place of the note that nothing could check it, which holds for the step that drew them alone."""
    shutil.copytree(workspace.model, tmp_path / "model")
    done = cli("generate", "pointclouds", "--model", workspace.model, "-n", 20, "-o", tmp_path / "samples.parquet")
    assert done.code == 0, done.err
    items = pq.read_table(tmp_path / "samples.parquet")
    pq.write_table(items.append_column("novel", [[True] * len(items)]), tmp_path / "candidates.parquet")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/generate.log").write_text(f"note: {UNCHECKED.format('measured')}; --predictor filters\n")
    settings = {"predict": {"measured": {"table": "x.csv", "target": "measured"}}, "optimize": {"n": 1}}
    settings |= {"generate": {"where": ["measured >= -1000"]}, "domain": "pointclouds"}
    run = RunContents(tmp_path, RunSettings(**settings))
    assert warnings(run) == ["Generate: " + UNCHECKED.format("measured") + "; `predictors` filters."], (
        "no predictor yet"
    )
    shutil.copytree(workspace.folder / "predictor", tmp_path / "predictors/measured")
    (said,) = warnings(RunContents(tmp_path, RunSettings(**settings)))
    assert "20 generated items, asked for 'measured >= -1000', 20 have it by the predictor measured, 20 with" in said
    failed = lambda oracle, items: [Score(None, failure="no structure")] * len(items)  # noqa: E731
    monkeypatch.setattr(report_notes, "score_safely", failed)
    assert warnings(RunContents(tmp_path, RunSettings(**settings)))[0].startswith("Generate: ")

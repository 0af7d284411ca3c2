"""What the report is told of a run: each figure once."""

import json

from sciencegen.api.report import RunContents
from sciencegen.api.report_sections import metrics
from sciencegen.config import RunSettings


def test_a_figure_of_the_model_gives_way_to_the_run_s_own(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "metrics.json").write_text(json.dumps({"fcd": 2.5, "against": "moses/test"}))
    (tmp_path / "model/metrics.json").write_text(json.dumps({"fcd": 1.8, "reconstruction_held_out": 0.9}))
    shown = metrics(RunContents(tmp_path, RunSettings(domain="molecules")))
    assert [(record.name, record.value) for record in shown] == [("fcd", 2.5), ("reconstruction_held_out", 0.9)]
    assert "moses/test" in shown[0].command

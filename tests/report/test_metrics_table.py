"""Metrics with their references."""

from sciencegen.report.sections import metrics


def metric(name: str, value: float, **more: object) -> dict[str, object]:
    return {"name": name, "value": value, **more}


def test_a_column_of_metrics_that_would_be_empty_is_left_out():
    heads = lambda *records: [  # noqa: E731
        name for name in ("References", "Reads as") if f">{name}</th>" in metrics(records)
    ]
    assert heads(metric("count", 5), metric("loss", 0.2)) == []
    assert heads(metric("count", 5), metric("loss", 0.2, direction="minimize")) == ["Reads as"]
    assert heads(metric("count", 5), metric("loss", 0.2, references={"data": 0.1})) == ["References"]


def test_a_metric_with_references_names_its_number_of_samples():
    assert "of 30,000 samples" in metrics([metric("d", 0.2, references={"other": 0.1}, samples=30_000)])
    assert "samples" not in metrics([metric("d", 0.2, samples=30_000)])

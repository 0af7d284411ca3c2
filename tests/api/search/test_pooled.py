"""The pool of what a search and its controls scored."""

from types import SimpleNamespace

from sciencegen.api.search import Pooled, control_notes

TRACES = {name: [SimpleNamespace(key=key) for key in keys] for name, keys in {"a": "xy", "b": "yz", "c": "x"}.items()}


def test_an_item_that_both_scored_is_the_searchs():
    pooled = Pooled.of(TRACES, "a")
    assert pooled.has_controls
    assert [one.key for one in pooled.evaluations] == ["x", "y", "z"]
    assert pooled.found_by(pooled.evaluations) == ["a", "a", "b"]
    assert pooled.counts(pooled.evaluations) == {"a": 2, "b": 1, "c": 0}
    assert not Pooled.of({"a": TRACES["a"]}, "a").has_controls


def test_controls_that_found_candidates_are_named():
    (note,) = control_notes({"method": "a", "found_by": {"a": 2, "b": 1, "c": 0}})
    assert note == "of 3 candidates 2 were found by the search (a), 1 by the control b (column found_by)"
    assert control_notes({"method": "a", "found_by": {"a": 2, "b": 0}}) == control_notes({"method": "a"}) == []

"""explore: a page of its own for a map, whose title says what is shown."""

import pytest

from sciencegen.api.explore import title_of


@pytest.mark.parametrize(
    ("data", "title"),
    [(None, "molecules: draws of the model"), ("moses/test", "molecules: moses/test"), ("t.csv", "molecules: t.csv")],
)
def test_the_title_names_the_data(tmp_path, monkeypatch, data, title):
    monkeypatch.chdir(tmp_path)
    assert title_of("molecules", data) == title
    (tmp_path / "t.csv").write_text("smiles\nC\n")
    assert title_of("molecules", tmp_path / "t.csv") == "molecules: t.csv"

"""The files in a workflow's folder."""

import pytest

from sciencegen.api.reports.contents import RunContents
from sciencegen.api.writing.writer import write_candidates
from sciencegen.config import RunSettings
from sciencegen.domains import load_domain
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.errors import DataError
from tests.domains.proteins.backbones.examples import chains


def test_items_in_a_file_beside_the_table_are_found_from_anywhere(tmp_path, monkeypatch):
    made = [text for text, _ in GALAXIES.items.simulate({"side": 32}, 0, 0, 3)]
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    write_candidates(GALAXIES, "results/candidates.parquet", {"item": made})
    monkeypatch.chdir("/")
    run = RunContents(tmp_path / "results", RunSettings(domain="galaxies"))
    assert [GALAXIES.items.key(item) for item in run.items] == [
        GALAXIES.items.key(GALAXIES.items.parse(text)) for text in made
    ]
    (tmp_path / "results/candidates.fits").unlink()
    with pytest.raises(DataError, match=r"there is no file .*candidates.fits"):
        _ = RunContents(tmp_path / "results", RunSettings(domain="galaxies")).items


@pytest.mark.parametrize(
    ("domain", "form", "named"),
    [
        ("proteins", "structures", "proteins/structures"),
        ("proteins", "aligned", "proteins"),
        ("molecules", "structures", "molecules"),
        ("proteins", "", "proteins"),
    ],
)
def test_tables_hold_items_of_the_form_if_plain_items_could_not_stand_for_them(tmp_path, domain, form, named):
    settings = RunSettings(domain=domain, prepare={"form": form})
    assert RunContents(tmp_path, settings).domain.name == named


def test_backbones_are_found_beside_their_table(tmp_path, monkeypatch):
    science = load_domain("proteins/structures")
    monkeypatch.chdir(tmp_path)
    write_candidates(science, "candidates.parquet", {"item": [science.items.text(one) for one in chains()[:2]]})
    assert read_parquet("candidates.parquet")["item"] == ["candidates.pdb[0]", "candidates.pdb[1]"]
    settings = RunSettings(domain="proteins", prepare={"form": "structures"}, structures=".pdb")
    run = RunContents(tmp_path, settings)
    assert [len(item) for item in run.items] == [len(item) for item in chains()[:2]]


def read_parquet(path):
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pydict()

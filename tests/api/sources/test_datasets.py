"""Sources: files, prepared folders, and datasets by name."""

import pytest

from sciencegen.api.sources.tables import (
    all_rows,
    find_card,
    find_part,
    is_folder_of,
    open_source,
    prepared_at,
    read_texts,
)
from sciencegen.config import PrepareSettings
from sciencegen.domains import load_domain
from sciencegen.errors import ConfigError, DataError, SciencegenError


def test_a_split_is_named_with_and_without_the_domain():
    for name in ("moses/test", "molecules/moses/test"):
        card, split = find_card("molecules", name)
        assert (card.full_name, split) == ("molecules/moses", "test")
    assert find_card("molecules/structures", "moses")[1] is None
    with pytest.raises(ConfigError, match="Expected moses/ and one of"):
        find_card("molecules", "moses/tset")
    with pytest.raises(SciencegenError, match="found no file 'nowhere"):
        find_part("molecules", "nowhere.csv")


def test_rows_of_a_file_are_cut_at_the_limit(tmp_path):
    path = tmp_path / "x.smi"
    path.write_text("CCO\nCC\nC\n")
    rows, files = open_source("molecules", PrepareSettings(source=str(path), limit=2))
    assert [row.text for row in all_rows(rows)] == ["CCO", "CC"]
    assert files == [path]
    assert prepared_at(str(path)) is None


def test_items_of_a_form_come_in_the_domain_s_own_words(tmp_path):
    path = tmp_path / "family.a2m"
    path.write_text(">a\nMKLV\n>b\nMK-V\n")
    assert list(read_texts("proteins", str(path))) == ["MKLV", "MKV"]
    assert list(read_texts("proteins/aligned", str(path))) == ["MKLV", "MK-V"]


def test_a_folder_is_named_with_the_form_that_reads_it(tmp_path, monkeypatch):
    (tmp_path / "natives").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"found the folder 'natives'\. .* pass `form` structures"):
        find_card("proteins", "natives")
    with pytest.raises(DataError, match=r"found the folder 'natives'\. Name a file in it"):
        find_card("molecules", "natives")


def test_a_name_is_a_folder_unless_a_dataset_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("natives", "backbones"):
        (tmp_path / name).mkdir()
    structures = load_domain("proteins/structures")
    told = [is_folder_of(structures, name) for name in (".", "natives", "natives/", "backbones/", "backbones", "none")]
    assert told == [True, True, True, True, False, False]
    assert not is_folder_of(load_domain("proteins"), "natives")

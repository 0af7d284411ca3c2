from pathlib import Path

import numpy as np
import pytest

from sciencegen.data.cards import divide, list_cards, load_card
from sciencegen.data.shipped import dataset_root
from sciencegen.data.tables import read_table
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import sha256_of
from sciencegen.items import Row
from tests.data.word_sources import FACTS, write_content

CARDS = list_cards()
CONTENT = {
    **FACTS,
    "columns": [{"name": "value", "unit": "letters", "source": "size"}],
    "files": {"train": {"name": "train.csv", "item_column": "WORD", "rows": 2}},
    "samples": {"train": {"name": "sample.csv", "rows": 1, "sha256": "0" * 64}},
    "sources": [
        {
            "kind": "files",
            "files": {"train": {"path": "https://example.org/train.csv", "bytes": 9, "sha256": "0" * 64}},
        }
    ],
}


def write_card(root, **changes):
    return write_content(root, {**CONTENT, **changes})


def read(path, column):
    return read_table(path, ("item",), column)


@pytest.mark.parametrize("card", CARDS, ids=[card.full_name for card in CARDS])
def test_committed_cards_and_samples_agree(card):
    assert (dataset_root() / card.domain / card.name) == card.folder
    assert load_card(card.name) == load_card(card.full_name) == card
    for split, sample in card.samples.items():
        assert sha256_of(card.sample_path(split)) == sample.sha256
        assert split in card.splits
        assert sample.rows <= sum(file.rows for file in card.files.values())
    for split, rows in card.sample_rows(read).items():
        rows = list(rows)
        assert len(rows) == sum(card.samples[leaf].rows for leaf in card.leaves(split))
        assert all(row.text and set(row.values) == {column.name for column in card.columns} for row in rows)
    assert sum(path.stat().st_size for path in card.folder.iterdir()) < 1_000_000


def test_every_card_stands_in_the_readme():
    text = (dataset_root() / "README.md").read_text()
    assert CARDS
    for card in CARDS:
        assert f"({card.full_name}/card.yaml)" in text
        assert all(f"{file.rows:,}" in text for file in card.files.values())


def test_own_roots_come_first(tmp_path, monkeypatch):
    write_card(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(tmp_path))
    assert load_card("words").folder == tmp_path / "language" / "words"
    assert [card.full_name for card in list_cards("language")] == ["language/words"]
    assert "language/words" in [card.full_name for card in list_cards()]


def test_unknown_names_show_the_nearest():
    with pytest.raises(ConfigError, match=r"Unknown dataset 'mosess'\. Did you mean 'moses'"):
        load_card("mosess")
    with pytest.raises(ConfigError, match="Unknown sample"):
        load_card("moses").sample_path("validation")


def test_columns_get_the_names_of_the_card(tmp_path):
    card = load_card(write_card(tmp_path))
    (tmp_path / "train.csv").write_text("WORD,size,other\napple,5,1\npear,4,1\n")
    assert list(card.rows(read, tmp_path)["train"]) == [Row(2, "apple", {"value": 5}), Row(3, "pear", {"value": 4})]


def test_only_the_wanted_rows_of_a_file_belong_to_the_set(tmp_path):
    files = {"train": {"name": "train.csv", "item_column": "WORD", "rows": 2, "where": {"kind": "fruit", "ripe": "1"}}}
    card = load_card(write_card(tmp_path, files=files))
    (tmp_path / "train.csv").write_text(
        'WORD,size,kind,ripe\napple,5,fruit,1\n"two\nlines",8,stone,1\npear,4,fruit,1\nplum,4,fruit,0\nfig\n'
    )
    assert [(row.line, row.text) for row in card.rows(read, tmp_path)["train"]] == [(2, "apple"), (5, "pear")]
    (tmp_path / "train.csv").write_text("WORD,size\napple,5\n")
    with pytest.raises(DataError, match="Expected column 'kind'"):
        list(card.rows(read, tmp_path)["train"])


DIVIDED = {
    "files": {name: {"name": f"{name}.csv", "item_column": "WORD", "rows": 3} for name in "ab"},
    "columns": [{"name": "value", "unit": "half letters", "source": "size", "factor": 2.0}],
    "divisions": [
        {"seed": 0, "counts": {"train": 4, "test": 2}},
        {"of": "train", "seed": 1, "counts": {"first": 3, "second": 1}},
    ],
    "samples": {
        "first": {"name": "first.csv", "rows": 1, "sha256": "0" * 64},
        "second": {"name": "second.csv", "rows": 1, "sha256": "0" * 64},
    },
    "sources": [
        {
            "kind": "files",
            "files": {n: {"path": f"https://example.org/{n}.csv", "bytes": 9, "sha256": "0" * 64} for n in "ab"},
        }
    ],
}


def test_files_are_one_stream_that_is_divided(tmp_path):
    card = load_card(write_card(tmp_path, **DIVIDED))
    (tmp_path / "a.csv").write_text("WORD,size\nann,1\nbob,2\ncat,3\n")
    (tmp_path / "b.csv").write_text("WORD,size\ndog,4\neve,5\nfox,6\n")
    parts = {name: list(rows) for name, rows in card.rows(read, tmp_path).items()}
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 4, "test": 2, "first": 3, "second": 1}
    everything = sorted([*parts["train"], *parts["test"]], key=lambda row: row.line)
    assert [row.line for row in everything] == [1, 2, 3, 4, 5, 6]
    assert [row.text for row in everything] == ["ann", "bob", "cat", "dog", "eve", "fox"]
    assert [row.values["value"] for row in everything] == [2, 4, 6, 8, 10, 12]
    assert sorted([*parts["first"], *parts["second"]], key=lambda row: row.line) == parts["train"]
    order = np.random.RandomState(0).permutation(6)
    assert [row.line for row in parts["test"]] == sorted((order[4:] + 1).tolist())
    assert card.disjoint_splits == ("train", "test")


def test_the_sample_of_a_divided_split_is_that_of_its_parts(tmp_path):
    card = load_card(write_card(tmp_path, **DIVIDED))
    for name in ("first", "second"):
        (card.folder / f"{name}.csv").write_text(f"item,value\n{name},1\n")
    parts = {name: [row.text for row in rows] for name, rows in card.sample_rows(read).items()}
    assert parts == {"train": ["first", "second"], "first": ["first"], "second": ["second"]}


def test_the_published_split_of_qm9():
    """100,000 train, 10% test, halves for conditional generation (Anderson et al. 2019, Hoogeboom et al. 2022)."""
    card = load_card("molecules/qm9")
    parts = divide(card.divisions, 130_831)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 100_000, "validation": 17_748, "test": 13_083, "train_first": 50_000, "train_second": 50_000,
    }  # fmt: skip
    assert np.array_equal(np.sort(np.concatenate([parts[s] for s in card.disjoint_splits])), np.arange(130_831))
    halves = np.concatenate([parts["train_first"], parts["train_second"]])
    assert np.array_equal(np.sort(halves), parts["train"])
    assert parts["test"][:5].tolist() == [10, 13, 21, 30, 43]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"divisions": [{"seed": 0, "counts": {"train": 1}}]}, "expected 2 rows, got a division of None"),
        ({"divisions": [{"of": "rest", "seed": 0, "counts": {"train": 2}}]}, "expected an earlier part"),
        ({"colums": []}, "colums: Extra inputs"),
        ({"format": 2}, "made for another sciencegen"),
        ({"sources": []}, "sources: "),
        (
            {"files": {"test": {"name": "t.csv", "rows": 1}}},
            r"files \['test'\], got \['train'\]",
        ),
        ({"files": {"train": {"name": "../t.csv", "rows": 1}}}, "without folders"),
        *(({key: name}, "without folders") for key in ("name", "domain") for name in ("../a", "/a", "..", "", "a\0")),
        ({"samples": {"train": {"name": "s.csv", "rows": 1, "sha256": "abc"}}}, "samples.train.sha256"),
        ({"sources": [{"kind": "ftp"}]}, "sources.0"),
        ({"folder": "/"}, "keys of a dataset card"),
    ],
)
def test_a_wrong_card_says_where(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_card(write_card(tmp_path, **changes))


def test_no_card_or_no_yaml(tmp_path):
    with pytest.raises(DataError, match="found nothing"):
        load_card(Path(tmp_path / "card.yaml"))
    (tmp_path / "card.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="Expected YAML"):
        load_card(tmp_path)
    (tmp_path / "card.yaml").write_text("just text")
    with pytest.raises(ConfigError, match="just text"):
        load_card(tmp_path)
    (tmp_path / "card.yaml").write_text("1: x")
    with pytest.raises(ConfigError, match="1: Keys should be strings"):
        load_card(tmp_path)

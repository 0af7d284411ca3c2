"""Rows of an alignment as items."""

import numpy as np
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN, aligned
from sciencegen.domains.proteins.alignments import read_alignment, sequence_weights
from sciencegen.domains.proteins.items import GAP, decode_rows
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import Score
from tests.domains.proteins.examples import family

FORM = load_domain("proteins/aligned")


class Learned:
    """An oracle that learned from measured values."""

    name, unit, direction, measured = "length", "", None, (1.0, 9.0)

    def score(self, items):
        return [Score(float(len(item))) for item in items]


@pytest.fixture
def rows(generator):
    rows = family(generator, 60, 40)
    rows = rows[(rows == GAP).mean(1) <= 0.5]
    return decode_rows(np.concatenate([rows, rows[5:15], rows[:1]]))


def test_distinct_rows_carry_the_weights_of_their_copies(tmp_path, rows):
    path = tmp_path / "in.a2m"
    FORM.items.write(path, rows, [f"r{number}" for number in range(len(rows))], {})
    found = list(FORM.items.read(path))
    assert [row.text for row in found] == list(dict.fromkeys(rows))
    weights = sequence_weights(read_alignment(path).rows)
    assert sum(row.values["weight"] for row in found) == pytest.approx(weights.sum())
    first = [number for number, text in enumerate(rows) if text == rows[7]]
    assert found[7].values["weight"] == pytest.approx(weights[first].sum())
    assert len(first) > 1
    assert [row.line for row in found] == [rows.index(text) + 1 for text in dict.fromkeys(rows)]
    assert all(FORM.items.parse(row.text) == row.text for row in found)


def test_what_the_rules_drop_is_refused_with_its_reason(tmp_path):
    path = tmp_path / "in.fasta"
    path.write_text(">F\nMKVW\n>a\nM---\n>b\nMKVA\n>c\nMKXA\n")
    found = list(FORM.items.read(path))
    assert [(row.line, row.id) for row in found] == [(1, "F"), (2, "a"), (3, "b"), (4, "c")]
    refused = [FORM.items.parse(row.text) for row in found]
    assert ["a" in found[1].text, "c" in found[3].text] == [True, True]  # the rejects show texts
    assert refused[1].reason == "more than half gaps"
    assert "beyond the 20" in refused[3].reason
    assert [refused[0], refused[2]] == ["MKVW", "MKVA"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"), ("---", "only gaps"), ("MkV-", "'k', no amino acid, at position 2"), ("MK.V", "position 3"),
        ("MKX-", "unknown residue"), ("M" * 10_001, "10001 columns"), (5, "got int"), ("# ", "left out"),
    ],
)  # fmt: skip
def test_what_is_no_row_is_refused(text, reason):
    found = FORM.items.parse(text)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_tables_of_rows_are_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("item,weight\nMK-V,0.5\n")
    assert [(row.text, row.values) for row in FORM.items.read(path)] == [("MK-V", {"weight": 0.5})]


def test_what_asks_for_the_protein_sees_it_without_gaps(rows, generator):
    plain = [FORM.form.plain(row) for row in rows]
    assert all(DOMAIN.items.parse(one) == one for one in plain)
    assert np.array_equal(FORM.measure(rows, ["length", "charge"]), DOMAIN.measure(plain, ["length", "charge"]))
    assert FORM.oracles.find("gravy").score(rows) == DOMAIN.oracles.find("gravy").score(plain)
    adapted = FORM.form.adapt_oracle(Learned())
    assert (adapted.name, adapted.unit, adapted.direction, adapted.measured) == ("length", "", None, (1.0, 9.0))
    assert adapted.score(["AK-VA"]) == [Score(4.0)]
    assert FORM.moves.constraint(["KV"], [])("AK-VA")
    assert not FORM.moves.constraint([], ["KV"])("AK-VA")
    mutant = FORM.moves.mutate(rows[3], generator)
    assert [place for place, letter in enumerate(mutant) if letter == "-"] == [
        place for place, letter in enumerate(rows[3]) if letter == "-"
    ]
    assert sum(one != two for one, two in zip(mutant, rows[3], strict=True)) == 1


def test_similarity_is_over_columns_with_a_residue(rows, monkeypatch):
    monkeypatch.setattr(aligned, "BLOCK", (7, 11))
    monkeypatch.setattr(aligned, "REFERENCES_AT_ONCE", 13)
    table = FORM.similarity.matrix(rows, rows)
    for i, first in enumerate(rows[:12]):
        for j, second in enumerate(rows):
            pairs = [(a, b) for a, b in zip(first, second, strict=True) if (a, b) != ("-", "-")]
            assert table[i, j] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    assert np.array_equal(table, table.T)
    assert np.array_equal(np.diag(table), np.ones(len(rows)))
    greatest = FORM.similarity.matrix(rows[:9], rows[9:]).max(1)
    assert np.array_equal(FORM.similarity.nearest(rows[:9], iter(rows[9:])), greatest)
    assert FORM.similarity.matrix(["MK--"], ["--VW"])[0, 0] == 0


def test_features_are_one_hot(rows):
    table = FORM.regression.features(rows)
    assert table.shape == (len(rows), 40 * 21)
    assert (table.sum(1) == 40).all()
    assert len(np.unique(table, axis=0)) == len(set(rows))
    for call in (FORM.regression.features, lambda items: FORM.similarity.matrix(items, items)):
        with pytest.raises(ShapeError, match="one family, got rows of 3 to 4 columns"):
            call(["MKV", "MKVA"])


def test_alignments_are_told_from_other_files(tmp_path):
    for name, text, expected in (
        ("a.a2m", "", True), ("a.a3m.gz", "", True), ("a.sto", "", True), ("a.fasta", ">a\nMK-V\n", True),
        ("b.fasta", ">a\nMKV\n", False), ("c.csv", "item\nMK-V\n", False), ("d.txt", "MK-V\n", False),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert FORM.form.holds(tmp_path / name) is expected, name
    assert not any(ending in DOMAIN.items.formats for ending in (".a2m", ".a3m", ".sto"))


def test_wrong_files_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="Expected an alignment"):
        FORM.items.read(tmp_path / "a.pdb")
    for name in ("a.sto", "a.csv", "a.txt"):
        with pytest.raises(ConfigError, match=r"Expected a file ending in \.a2m"):
            FORM.items.write(tmp_path / name, [], [], {})

"""Variants of one item by name: what is read, and what is refused."""

from sciencegen.api.science import domain_of, names_of
from sciencegen.api.score_variants import VariantRequest, VariantScoring, variant_rows

SCIENCE = domain_of("proteins")
NAMES = names_of(SCIENCE, "MKVLAW")


def scoring(rows):
    return VariantScoring(VariantRequest("proteins", None, NAMES), rows)


def test_a_table_s_own_columns_stay_beside_the_names(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("mutant,assay\nK2A,0.5\nK9A,1\nV3A,2\n")
    found = scoring(variant_rows(path, NAMES, SCIENCE, None))
    (chunk,) = list(found)
    assert chunk.values["mutant"] == ["K2A", "V3A"]
    assert chunk.values["line"] == [2, 4]
    assert list(chunk.values) == list(found.columns)
    assert "assay" in found.columns
    assert [line for line, _, _ in chunk.refused] == [3]
    assert (found.summary()["scored"], found.summary()["refused"]) == (2, 1)


def test_given_names_count_from_1_and_another_wild_type_is_refused():
    rows = list(variant_rows(["K2A", "A2K"], NAMES, SCIENCE, None))
    assert [(row.line, row.text) for row in rows] == [(1, "K2A"), (2, "A2K")]
    (chunk,) = list(scoring(iter(rows)))
    assert chunk.values["mutant"] == ["K2A"]
    assert [line for line, _, _ in chunk.refused] == [2]


def test_lines_of_a_text_keep_their_numbers(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("K2A\n\n V3A \n")
    assert [(row.line, row.text) for row in variant_rows(path, NAMES, SCIENCE, None)] == [(1, "K2A"), (3, "V3A")]

"""Training data: the names of conditions."""

from sciencegen.api.models.data import with_parts


def test_a_column_of_texts_stands_for_its_indicators():
    known = ("age", "city:Bergen", "city:Oslo", "cityscape:x")
    assert with_parts(("city", "age"), known) == ("city:Bergen", "city:Oslo", "age")
    assert with_parts(("city:Oslo",), known) == ("city:Oslo",)
    assert with_parts(("town",), known) == ("town",)

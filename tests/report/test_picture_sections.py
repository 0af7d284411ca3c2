"""Pictures of items: groups beside each other, rows along which something changes."""

from sciencegen.report.sections import gallery, traversals
from tests.report.example import PICTURE


def test_each_group_has_its_name_and_all_its_pictures():
    page = gallery({"known": [PICTURE] * 7, "made": [PICTURE] * 2}, "A note.")
    assert page.count("viewBox='0 0 9 9'") == 9
    assert [f"{count} pictures of {name}" in page for count, name in ((7, "known"), (2, "made"))] == [True, True]
    assert "A note." in page
    assert "--columns:3" in page


def test_a_gallery_without_pictures_is_left_out():
    assert gallery({"known": [], "made": []}) == gallery({}) == ""


def test_a_row_shows_what_was_asked_what_was_got_and_where_there_is_nothing():
    steps = [("0.3", PICTURE, "got 0.31"), ("0.6", "", "got –")]
    page = traversals([{"name": "half_light_radius", "unit": "arcsec", "note": "of one draw", "steps": steps}])
    assert page.count("viewBox='0 0 9 9'") == 1
    assert page.count('class="picture none"') == 1
    for text in ("half light radius (arcsec)", "of one draw", "0.6", "got 0.31"):
        assert text in page

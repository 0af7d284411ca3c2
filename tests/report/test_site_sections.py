"""Sections of letters at sites, with their legends."""

from dataclasses import replace

from sciencegen.report import sections
from tests.report.example_sites import heat_map, logo


def test_a_scale_says_its_centre_its_ends_and_what_is_outlined():
    html = sections.heat_maps([heat_map()])
    assert "score (nats)" in html
    assert "centre: 0 (zero)" in html
    assert "best" in html
    plain = sections.heat_maps([replace(heat_map(), direction=None)])
    assert 'class="key best"' in html
    assert 'class="key best"' not in plain


def test_each_class_of_letters_has_its_key():
    html = sections.logo(logo())
    assert html.count('class="key class class-') == 2
    assert "vowel: A" in html


def test_without_columns_there_is_nothing():
    assert sections.heat_maps([replace(heat_map(), rows="", values=[], asides=[])]) == ""
    assert sections.logo(replace(logo(), counts={})) == ""
    assert sections.logo(None) == ""

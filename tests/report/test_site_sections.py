"""Sections of letters at sites, with their legends."""

from dataclasses import replace

from sciencegen.report import ReportContent
from sciencegen.report.letters import heat_maps, site_logo
from tests.report.example_sites import heat_map, logo


def test_a_scale_says_its_centre_its_ends_and_what_is_outlined():
    html = heat_maps(ReportContent("t", heat_maps=[heat_map()]))
    assert "score (nats)" in html
    assert "centre: 0 (zero)" in html
    assert "best" in html
    plain = heat_maps(ReportContent("t", heat_maps=[replace(heat_map(), direction=None)]))
    assert 'class="key best"' in html
    assert 'class="key best"' not in plain


def test_each_class_of_letters_has_its_key():
    html = site_logo(ReportContent("t", logo=logo()))
    assert html.count('class="key class class-') == 2
    assert "vowel: A" in html


def test_without_columns_there_is_nothing():
    assert heat_maps(ReportContent("t", heat_maps=[replace(heat_map(), rows="", values=[], asides=[])])) == ""
    assert site_logo(ReportContent("t", logo=replace(logo(), counts={}))) == ""
    assert site_logo(ReportContent("t")) == ""

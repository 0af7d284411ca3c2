"""Sections."""

import re
from typing import get_args

from sciencegen.report.content import StructureStyle
from sciencegen.report.page import VIEWER, asset, render_page
from sciencegen.report.sections import structures


def test_structures_can_be_turned_and_cost_nothing_where_there_are_none():
    """The viewer's script stands in the page only where a structure is."""
    plain = render_page("t", {"structures": structures(["flat"], [""])})
    shown = render_page("t", {"structures": structures(["a", "flat", "<b>"], ["x\n1 < 2", "", "y"])})
    assert asset(VIEWER) not in plain
    assert asset(VIEWER) in shown
    assert re.findall(r"<pre hidden data-structure>(.*?)</pre>", shown, re.DOTALL) == ["x\n1 &lt; 2", "y"]
    assert "&lt;b&gt;" in shown


def test_each_style_of_structures_is_one_that_the_viewer_has():
    script = asset("page.js")
    for style in get_args(StructureStyle):
        page = render_page("t", {"structures": structures(["a"], ["x"], "pdb", style)})
        assert f'data-format="pdb" data-style="{style}"' in page
        assert f"      {style}: (" in script

"""A page with one structure that can be turned, by 3Dmol.js, without a network."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Literal

from sciencegen.report.page import VIEWER

STYLES = {
    "sticks": {"stick": {"radius": 0.12}, "sphere": {"scale": 0.25}},
    "cartoon": {"cartoon": {"color": "spectrum"}},
}
"""How structures are drawn, as 3Dmol.js names it."""
PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title>
<style>html,body{{margin:0;height:100%;background:white}}#view{{position:relative;width:100%;height:100%}}</style>
<script>{library}</script></head><body><div id="view"></div><script>
const shown = {shown};
const viewer = $3Dmol.createViewer(document.getElementById("view"), {{ backgroundColor: "white" }});
viewer.addModel(shown.text, shown.format, {{ noComputeSecondaryStructure: true }});
viewer.setStyle({{}}, shown.style);
viewer.zoomTo();
viewer.render();
</script></body></html>"""


def viewer_page(text: str, kind: str, style: Literal["sticks", "cartoon"], title: str) -> str:
    """The page. text: the record of a structure; kind: its format, one that 3Dmol.js reads."""
    shown = json.dumps({"text": text, "format": kind, "style": STYLES[style]}).replace("<", "\\u003c")
    library = Path(__file__).with_name(VIEWER).read_text(encoding="utf-8")
    return PAGE.format(title=escape(title), library=library, shown=shown)

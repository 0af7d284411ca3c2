"""The files of the page: for a server, and as one file that needs none."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from functools import cache
from importlib.resources import files

from sciencegen.browser.server import Answer
from sciencegen.items import Json

LIBRARY = "regl-scatterplot.min.js"
"""Lekschas 2023, doi:10.21105/joss.05275; version 1.16.0 with what it needs, bundled by esbuild; MIT and ISC
(regl-scatterplot-LICENSES.txt)."""
SCRIPTS = (LIBRARY, "data.js", "grid.js", "map.js", "item.js", "panels.js", "main.js")
STYLE = "page.css"


@cache
def _text(name: str) -> str:
    return (files("sciencegen.browser") / "page" / name).read_text(encoding="utf-8")


def _page(title: str, head: str, scripts: str) -> str:
    """The page; its parts are put in at once, so that no text of one is taken for the place of another."""
    parts = {"{title}": html.escape(title), "{head}": head, "{scripts}": scripts}
    text = _text("page.html")
    before, rest = text.split("{title}")
    between, rest = rest.split("{head}")
    after, end = rest.split("{scripts}")
    return "".join((before, parts["{title}"], between, parts["{head}"], after, parts["{scripts}"], end))


def live_pages(title: str) -> dict[str, Answer]:
    """The page and its files, by path, for a server."""
    scripts = "\n".join(f'<script src="{name}" defer></script>' for name in SCRIPTS)
    page = _page(title, f'<link rel="stylesheet" href="{STYLE}">', scripts)
    return {
        "": Answer(page.encode(), "text/html; charset=utf-8"),
        STYLE: Answer(_text(STYLE).encode(), "text/css; charset=utf-8"),
        **{name: Answer(_text(name).encode(), "text/javascript; charset=utf-8") for name in SCRIPTS},
    }


def offline_page(title: str, data: Json) -> str:
    """The page as one file with its data.

    Parameters
    ----------
    title : str
    data : mapping
        `description`; `points`, `columns`: arrays by `packed`; `texts`, `names`, and `pictures` as `data:` addresses by
        the item's number.
    """
    content = gzip.compress(json.dumps(data, allow_nan=False).encode(), 6, mtime=0)
    scripts = [_text(name).replace("</script", "<\\/script") for name in SCRIPTS]
    hashes = " ".join(f"'sha256-{_sha256(text)}'" for text in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "worker-src blob:; base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{_text(STYLE)}</style>'
    embedded = f'<script type="text/plain" id="embedded">{base64.b64encode(content).decode()}</script>'
    return _page(title, head, "\n".join([embedded, *(f"<script>{text}</script>" for text in scripts)]))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

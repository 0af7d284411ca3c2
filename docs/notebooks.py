"""The tutorials as Jupyter notebooks: `python docs/notebooks.py FOLDER`, or `make notebooks`.

Commands become `%%bash` cells, files that a tutorial shows become `%%writefile` cells, and what isn't run (`slow`)
stays text.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

import jupytext

DOCS = Path(__file__).parent
ADDRESS = "https://github.com/sciencegen/sciencegen/raw/main"
HEADER = "---\njupyter:\n  kernelspec: {display_name: Python 3, language: python, name: python3}\n---\n\n"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"# ([\w-]+\.\w+|Snakefile)\n")
"""The first line of a file that a tutorial shows."""
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s]+)")


def notebook_text(page: Path) -> str:
    """The page as Markdown for jupytext. Links lead to the repository, since a notebook may lie anywhere."""
    folder = page.parent.relative_to(DOCS.parent).as_posix()
    text = LINK.sub(lambda link: f"{ADDRESS}/{posixpath.normpath(posixpath.join(folder, link[1]))}", page.read_text())
    return HEADER + FENCE.sub(_cell, text)


def _cell(fence: re.Match[str]) -> str:
    kind, words, text = fence.groups()
    if "slow" in words.split():
        return f"```text\n{text}```"
    if (named := NAMED.match(text)) is not None:
        return f"```python\n%%writefile {named[1]}\n{text}```"
    return f"```{kind}\n{text}```"


def write_notebooks(folder: Path) -> list[Path]:
    """A notebook for each tutorial."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = sorted((DOCS / "tutorials").glob("*.md"))
    written = [folder / f"{page.stem}.ipynb" for page in pages]
    for page, path in zip(pages, written, strict=True):
        jupytext.write(jupytext.reads(notebook_text(page), fmt="md"), path)
    return written


if __name__ == "__main__":
    for made in write_notebooks(Path(sys.argv[1])):
        print(made)

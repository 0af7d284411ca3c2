"""Tutorials as notebooks: each block that the tests of the documentation run is a cell, in its order, and cells run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation import REPOSITORY, TUTORIALS, blocks

jupytext = pytest.importorskip("jupytext")
SCRIPT = REPOSITORY / "docs" / "notebooks.py"
SPEC = importlib.util.spec_from_file_location("notebooks", SCRIPT)
notebooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(notebooks)
PAGE = """# A page

```python
# sizes.py
print(3 + 4)
```

```bash
python3 sizes.py > sizes.txt
```

```bash slow
exit 7
```

```python
total = int(open("sizes.txt").read()) * 6
```
"""


def cells(text: str) -> list[str]:
    return [cell.source for cell in jupytext.reads(text, fmt="md").cells if cell.cell_type == "code"]


def run_cells(sources: list[str], folder: Path) -> dict[str, object]:
    """What Jupyter does with cells of commands, files and Python."""
    names: dict[str, object] = {}
    for source in sources:
        head, _, rest = source.partition("\n")
        if head == "%%bash":
            subprocess.run(["bash", "-e", "-c", rest], cwd=folder, check=True)
        elif head.startswith("%%writefile "):
            (folder / head.removeprefix("%%writefile ")).write_text(f"{rest}\n")
        else:
            exec(source, names)
    return names


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_each_block_is_a_cell(page):
    shown = [
        block for block in blocks(page) if not block.slow and block.kind in ("bash", "python", "yaml", "snakemake")
    ]
    found = cells(notebooks.notebook_text(page))
    assert len(found) == len(shown) > 4
    for block, source in zip(shown, found, strict=True):
        head, _, rest = source.partition("\n")
        assert head == "%%bash" or head.startswith("%%writefile "), head
        assert rest == block.text.rstrip("\n")


def test_cells_run(tmp_path, monkeypatch):
    page = REPOSITORY / "docs" / "tutorials" / "none.md"
    monkeypatch.setattr(Path, "read_text", lambda self: PAGE)
    text = notebooks.notebook_text(page)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run_cells(cells(text), tmp_path)["total"] == 42


def test_links_lead_to_the_repository():
    text = notebooks.notebook_text(TUTORIALS[1])
    assert f"]({notebooks.ADDRESS}/docs/tutorials/chemist.svg)" in text
    assert f"]({notebooks.ADDRESS}/docs/numbers.md#train-a-predictor)" in text
    assert "](../" not in text


def test_the_script_writes_one_for_each_tutorial(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "made"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.stem for path in (tmp_path / "made").iterdir()) == [page.stem for page in TUTORIALS]

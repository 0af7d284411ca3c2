"""Files of a user that shipped configs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONTENTS = {"family.a2m": ">WT/1-4\nMKVA\n>B\nMKVG\n", "table.csv": "price,city\n2.5,Oslo\n"}


def write_own_files(folder: Path, config: Mapping[str, Any]) -> None:
    """Those that all configs may name, and empty ones for the tables that a script writes for this one."""
    for name, content in CONTENTS.items():
        (folder / name).write_text(content)
    tables = ((config.get("prepare") or {}).get("source"), (config.get("evaluate") or {}).get("against"))
    for name in tables:
        if isinstance(name, str) and Path(name).suffix and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

"""Run Python statements of a user, and write what the variables hold that they leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


def run_snippet(text: str, out: Path) -> None:
    """`sg` is the package; each variable that is left and holds data is a file in `out`, named by it."""
    import sciencegen as sg

    names: dict[str, Any] = {"sg": sg}
    exec(compile(text, "<entry>", "exec"), names)
    for name, value in names.items():
        if name != "sg" and not name.startswith("__"):
            write_value(out, name, value)


def write_value(out: Path, name: str, value: Any) -> None:
    """A table as CSV with every digit, an array as .npy, other data as JSON; of an object with a table, the table.

    An object that holds no data, such as a trained model, is skipped: its files are in its folder."""
    import numpy as np
    import pandas as pd

    table = value if isinstance(value, pd.DataFrame) else getattr(value, "table", None)
    if table is not None:
        pd.DataFrame(table).to_csv(out / f"{name}.csv", index=False)
        summary = table.attrs.get("summary") if isinstance(table, pd.DataFrame) else None
        write_value(out, f"{name}-summary", summary or getattr(value, "summary", None))
    elif isinstance(value, np.ndarray):
        np.save(out / f"{name}.npy", value)
    elif isinstance(value, (Mapping, list, tuple, str, int, float)):
        (out / f"{name}.json").write_text(json.dumps(value, indent=1, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)

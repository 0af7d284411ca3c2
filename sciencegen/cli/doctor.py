"""`sciencegen doctor`: what is installed here, and what it can compute on."""

from __future__ import annotations

import json

from sciencegen.cli import options


def doctor(as_json: options.Json = False) -> None:
    """Show which libraries, devices, weights and datasets this installation has."""
    from sciencegen.api.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, emoji=False)
    for section, rows in found.items():
        table = Table(title=section, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name, value in rows.items():
            table.add_row(str(name), str(value))
        console.print(table)

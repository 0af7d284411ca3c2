"""`sciencegen properties`: names for goals and conditions."""

from __future__ import annotations

import json
from textwrap import fill

from sciencegen.cli import options


def properties(domain: options.Domain, model: options.Model = None, as_json: options.Json = False) -> None:
    """List the names for --where, --goal and --with: properties with unit, range in the data and meaning.

    The column tolerance is that of `name = x`. The column conditioned marks properties that the model is conditioned
    on; the others only filter its draws.
    """
    from sciencegen.api.properties import properties_of, range_text

    found = properties_of(domain, model)
    if as_json:
        print(json.dumps(found.to_json()))
        return
    header = ("name", "unit", "data", "tolerance", "conditioned", "meaning")
    cells = []
    for one in found.properties:
        condition = "yes" if one.name in found.conditions else ""
        cells.append(
            (one.name, one.unit, range_text(one.low, one.high), f"{one.tolerance:g}", condition, one.description)
        )
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for row in (header, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    listed = {one.name for one in found.properties}
    lists = {
        "further conditions of the model": found.conditions,
        "also computed": found.further,
        "computed by the model": found.knows,
        "shipped predictors": [f"--predictor {name}={folder}" for name, folder in found.predicted.items()],
    }
    for title, names in lists.items():
        if more := [name for name in names if name not in listed]:
            print(fill(f"{title}: {', '.join(more)}", 100, subsequent_indent="  ", break_on_hyphens=False))
    chosen = ", ".join(f"`{name}`" for name in (*found.open_names, "module:function"))
    print(fill(f"and {chosen}, predictors and programs of your own", 100, subsequent_indent="  "))

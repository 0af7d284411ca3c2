"""Map: items on two axes of a model's latent space."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sciencegen.api.maps.latent_map import LatentMap, make_map, write_map
from sciencegen.api.writing.results import Result
from sciencegen.config import MapSettings, build_settings
from sciencegen.options import takes


@dataclass(frozen=True)
class Mapped(Result):
    """Items on the latent map.

    Parameters
    ----------
    found : LatentMap
        The items with their latents, and the axes of the map.
    """

    found: LatentMap = field(kw_only=True, repr=False)


@takes(MapSettings)
def latent_map(domain: str, data: str | Path | None = None, **options: object) -> Mapped:
    """Place items on two axes of a model's latent space.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    data : str or Path, optional
        A file of items, a dataset's name, a prepared folder, or an .npz file of latents; by default draws of the model.

    Returns
    -------
    Mapped
        `table` has the columns `item`, `x` and `y`, and a column for each value. `write` writes a picture (.png .pdf
        .svg), a table (.csv), or a table for Embedding Atlas (.parquet).

    Raises
    ------
    DataError
        If fewer than two items have a latent.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.latent_map("molecules", limit=8, threads=1, include="logp", colour_by="logp")
    >>> list(found.table.columns)[:3]
    ['item', 'x', 'y']
    >>> found.write("map.png").suffix
    '.png'
    """
    import pandas as pd

    given = {} if data is None else {"data": str(data)}
    found = make_map(domain, build_settings(MapSettings, {**options, **given}))
    write = lambda path, overwrite: write_map(found, str(path), overwrite)  # noqa: E731
    places = {"item": found.items.text, "x": found.points[:, 0], "y": found.points[:, 1]}
    table = pd.DataFrame({**{one.name: one.cells() for one in found.items.columns}, **places})
    ordered = [*places, *(name for name in table.columns if name not in places)]
    return Mapped(table[ordered], summary_of(found), found.notes, write, found=found, domain=found.loaded.domain.name)


def summary_of(found: LatentMap) -> dict[str, int | float | str]:
    """The counts and axes of a map."""
    first, second = found.labels
    kept = round(found.neighbours_kept, 3)
    counts = {"items": len(found.items.text), "refused": len(found.items.refused)}
    return {**counts, "x": first, "y": second, "neighbours_kept": kept}

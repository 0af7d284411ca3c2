"""Generate: draw items from a model."""

from __future__ import annotations

from typing import Any, Unpack

from sciencegen.api.models.folder import open_model
from sciencegen.api.sampling.drawing import set_drawing
from sciencegen.api.sampling.generation import Generation
from sciencegen.config import GenerateSettings, build_settings
from sciencegen.options import GenerateOptions, takes


@takes(GenerateSettings)
def generate(domain: str, n: int = 1000, **options: Unpack[GenerateOptions]) -> Any:
    """n distinct accepted items as a pandas table; the settings are those of `sciencegen generate`."""
    import pandas as pd

    generation = stream(domain, build_settings(GenerateSettings, {"n": n, **options}))
    columns: dict[str, list[Any]] = {name: [] for name in generation.columns}
    for chunk in generation:
        for name, values in chunk.items():
            columns[name].extend(values)
    table = pd.DataFrame(columns)
    table.attrs["summary"] = generation.summary()
    return table


def stream(domain: str, settings: GenerateSettings) -> Generation:
    """A generation that yields its rows chunk by chunk."""
    model = open_model(domain, settings.model, settings)
    set_drawing(model, settings, required=not (settings.complete or model.config.get("complete")))
    return Generation(model, settings)

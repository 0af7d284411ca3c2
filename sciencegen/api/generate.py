"""Generate: draw items from a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from sciencegen.api.models.completion import Completer, completer
from sciencegen.api.models.folder import LoadedModel, name_suffixes, open_model
from sciencegen.api.sampling.drawing import drawing_words, set_drawing
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import DrawRequest, resolve_draws
from sciencegen.api.writing.provenance import Criteria, origin_of
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.config import GenerateSettings, build_settings
from sciencegen.items import Cell, Origin
from sciencegen.options import GenerateOptions, takes

Chunk = Mapping[str, Sequence[Cell]]
"""Rows as columns."""


@dataclass(frozen=True)
class GenerateRequest:
    """A generation, looked up and checked.

    draws: what is asked of them. complete: gives items their structures, where a model is named for it. origin: for
    files that say where their items come from.
    """

    draws: DrawRequest
    complete: Completer | None
    origin: Origin

    def open(self, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of the rows."""
        suffixes = name_suffixes(self.draws.model.representation)
        how = OutputOptions(self.complete, self.origin, overwrite, name_suffixes=suffixes)
        return open_output(self.draws.model.domain.name, output, self.draws.columns, how)

    def write(
        self,
        generation: Generation,
        writer: OutputWriter,
        chunks: Iterable[Chunk],
        advance: Callable[[int], None] = lambda rows: None,
    ) -> dict[str, Any]:
        """Write the rows of a generation; returns its summary, without rows that the output could not hold around a
        scaffold. Nothing is left of an output without rows."""
        with writer:
            for chunk in chunks:
                writer.write(chunk)
                advance(len(chunk["item"]))
        summary, unplaced = generation.summary(), writer.left_out if self.draws.scaffold else 0
        summary["written"] -= unplaced
        if not summary["written"]:
            writer.remove()
        return summary


@takes(GenerateSettings)
def generate(domain: str, n: int = 1000, **options: Unpack[GenerateOptions]) -> Result:
    """Draw new items from a trained model, with the properties that are asked for."""
    import pandas as pd

    request = resolve_generate(domain, build_settings(GenerateSettings, {"n": n, **options}))
    generation = Generation(request.draws)
    chunks = list(generation)
    columns = {name: [cell for chunk in chunks for cell in chunk[name]] for name in generation.columns}

    def write(path: Path, overwrite: bool) -> None:
        request.write(generation, request.open(str(path), overwrite), chunks)

    return Result(pd.DataFrame(columns), generation.summary(), tuple(request.draws.notes), write)


def resolve_generate(domain: str, settings: GenerateSettings) -> GenerateRequest:
    """Load the model and look up what is asked of its draws; what is wrong is an error before any work."""
    model = open_model(domain, settings.model, settings)
    completed_by = settings.complete or model.config.get("complete")
    set_drawing(model, settings, required=not completed_by)
    draws = resolve_draws(model, settings)
    complete = completer(model.config["domain"], completed_by, settings.seed, settings, draws.scaffold)
    if complete is not None:
        set_drawing(complete.model, settings, required=False)
    return GenerateRequest(draws, complete, _origin(domain, model, draws))


def _origin(domain: str, model: LoadedModel, draws: DrawRequest) -> Origin:
    settings, observation = draws.settings, model.representation.observation
    texts = [*settings.where, *["noise-free"] * settings.noise_free, *drawing_words(settings)]
    origin = origin_of("generate", domain, model.folder, Criteria(texts, settings.keep, settings.forbid), settings.seed)
    notes = observation.notes if draws.observes and observation is not None else ()
    return replace(origin, notes=notes)


__all__ = ["GenerateRequest", "Generation", "generate", "resolve_generate"]

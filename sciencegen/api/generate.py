"""Generate: draw items from a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sciencegen.api.models.completion import Completer, completer
from sciencegen.api.models.folder import name_suffixes, open_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import DrawRequest, drawing_words, given_task, resolve_draws, set_drawing
from sciencegen.api.writing.output_record import Criteria, Ingredients, Written, check_record, ingredients_of, origin_of
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import (
    PICTURES,
    OutputOptions,
    OutputWriter,
    left_out_by_reason,
    open_output,
    with_cells,
    writes_structures,
)
from sciencegen.config import GenerateSettings, build_settings
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.errors import DataError
from sciencegen.items import Cell, Origin
from sciencegen.options import takes
from sciencegen.records import ledger

Chunk = Mapping[str, Sequence[Cell]]
"""Rows, as a mapping of columns."""


@dataclass(frozen=True)
class GenerateRequest:
    """A generation with checked settings.

    draws: the request for draws. complete: computes structures of items, or None. origin: provenance, for files that
    can hold it. made_of: for the record beside the output.
    """

    draws: DrawRequest
    complete: Completer | None
    origin: Origin
    made_of: Ingredients

    def open(self, output: str, overwrite: bool = False, names: bool = False) -> OutputWriter:
        """The writer of the rows. names: whether rows have a column `id`, in files where items have names; else these
        are numbers."""
        check_record(output)
        suffixes = name_suffixes(self.draws.model.representation)
        how = OutputOptions(self.complete, self.origin, overwrite, name_suffixes=suffixes)
        columns = [*self.draws.columns, *(["id"] if names and writes_structures(output) else [])]
        return open_output(self.draws.model.domain.name, output, columns, how)

    def row_by_row(self, output: str) -> bool:
        """Whether a row of an output depends on its draw only, and not on the rows before or beside it."""
        pictures = output.lower().endswith(PICTURES)
        return self.draws.blocks is None and not pictures and (self.complete is None or not writes_structures(output))

    def write(
        self,
        generation: Generation,
        writer: OutputWriter,
        chunks: Iterable[Chunk],
        advance: Callable[[int, str], None] = lambda rows, note: None,
    ) -> dict[str, Any]:
        """Write the rows of a generation with their record, and return its summary, in which rows that the output
        could not hold don't count as written. An output without rows is removed. advance: called with the number of
        rows written and a note on the number of draws so far."""
        rows = 0

        def written() -> Written:  # Ctrl-C may come between a draw and its row
            draws = NumberRanges.of(generation.kept[:rows]) if self.row_by_row(writer.output) else None
            quality = {} if generation.quality is None else generation.quality.to_json()
            return Written(rows - len(writer.left_out_rows), draws, writer.left_out_rows, quality)

        with self.made_of.recorded(writer.output, written):
            with writer:
                writer.reject(() if self.draws.blocks is None else self.draws.blocks.refused)
                for chunk in chunks:
                    if chunk["item"]:
                        writer.write(chunk)
                        rows += len(chunk["item"])
                    advance(len(chunk["item"]), f"{generation.drawn:,} draws")
            summary = {**generation.summary(), **left_out_by_reason(writer.left_out)}
            summary["written"] -= writer.left_out.total()
            kept = {**summary["ledger"], "written": summary["written"], **writer.left_out, "unexplained": 0}
            summary |= ledger("draws", kept.pop("draws"), kept)
            if not summary["written"]:
                writer.remove()
        return summary


@takes(GenerateSettings)
def generate(domain: str, n: int = 1000, **options: object) -> Result:
    """Draw new items with requested properties from a trained model.

    With `particles`, the draws of a diffusion are steered by Feynman-Kac resampling [1]_.

    Parameters
    ----------
    domain : str
        Such as "molecules". `properties` lists what may be requested.
    n : int
        Number of distinct accepted items, or of draws if `raw`.

    Returns
    -------
    Result
        `table` has the column `item` and one for each property that was requested. With `best_of`,
        `summary["quality_by_draws"]` has the mean quality that fewer draws of each item would have had. `write` updates
        `summary["written"]`, and adds `left_out` (reason -> number) where a file of structures can't hold some: draws
        that are no item, and items that can't be placed around a scaffold.

    Raises
    ------
    ConfigError
        For an unknown domain, model, property or setting.
    DataError
        By `write`, if there is no item to write; no file is left.

    References
    ----------
    .. [1] Singhal et al., "A general framework for inference-time scaling and steering of diffusion models", 2025,
       arXiv:2501.06848.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.generate("molecules", 2, seed=1, include="qed", threads=1)
    >>> found.table.shape
    (2, 2)
    >>> found.write("molecules.sdf").name
    'molecules.sdf'
    """
    import pandas as pd

    request = resolve_generate(domain, build_settings(GenerateSettings, {"n": n, **options}))
    generation = Generation(request.draws)
    chunks = list(generation)
    columns = {name: [cell for chunk in chunks for cell in chunk[name]] for name in generation.columns}

    summary = generation.summary()

    def write(path: Path, overwrite: bool) -> None:
        writer = request.open(str(path), overwrite)
        summary.update(request.write(generation, writer, chunks))
        if not summary["written"]:
            why = f", {path}.rejects.csv says why" if writer.left_out else ""
            raise DataError(f"Expected items to write to {path}, got none{why}. No file is left; draw more items.")

    notes = (*request.draws.notes, *generation.notes)
    science = request.draws.model.domain
    return Result(pd.DataFrame(with_cells(science, columns)), summary, notes, write, domain=science.name)


def resolve_generate(domain: str, settings: GenerateSettings) -> GenerateRequest:
    """Load the model and check the settings; wrong ones are an error before any drawing."""
    model = open_model(domain, settings.model, settings)
    draws = resolve_draws(model, settings)
    completed_by = settings.complete or model.config.get("complete")
    complete = completer(model.config["domain"], completed_by, settings.seed, settings, draws.scaffold)
    if complete is not None:
        draws.doubts += set_drawing(complete.model, settings, required=False)
    task = [f"{name} {value}" for name, value in given_task(settings).items()]
    texts = [*settings.where, *["noise-free"] * settings.further.noise_free, *drawing_words(settings), *task]
    origin = origin_of("generate", model, Criteria(texts, settings.keep, settings.forbid), settings.seed)
    observation = model.representation.observation
    notes = observation.notes if draws.observes and observation is not None else ()
    made_of = ingredients_of("generate", domain, settings, model, complete)
    return GenerateRequest(draws, complete, replace(origin, notes=notes), made_of)

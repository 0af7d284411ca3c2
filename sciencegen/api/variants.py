"""Score variants of one reference item by a model of its family, which an alignment trains on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sciencegen.api.models import LoadedModel, load_model
from sciencegen.api.rooms import domain_of, use_threads
from sciencegen.api.score import ScoredChunk
from sciencegen.api.train import train
from sciencegen.config import DEFAULT_RESOURCES, Resources
from sciencegen.data.tables import Row, read_table
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError

ALL_SINGLES = "all-singles"
VARIANT_COLUMNS = ("mutant", "mutants", "mutation", "mutations", "variant", "variants")
COLUMNS = ("mutant", "score", "score_sd")
CHUNK = 256


def family_model(
    domain: str, alignment: str | Path, resources: Resources = DEFAULT_RESOURCES, log: Callable[[str], None] = print
) -> Path:
    """The folder of the default model of an alignment's family: trained into `runs/`, or found there."""
    recipe = next((one for one in domain_of(domain).recipes.values() if one.variants), None)
    if recipe is None:
        raise ConfigError(f"Expected a domain with models of families (proteins), {domain} has none.")
    chosen = {"recipe": recipe.name, "device": resources.device, "threads": resources.threads}
    return train(domain, alignment, log=log, **chosen).folder


def score_variants(
    domain: str,
    variants: str | Path | Sequence[str] = ALL_SINGLES,
    *,
    alignment: str | Path | None = None,
    model: str | Path | None = None,
    column: str | None = None,
    resources: Resources = DEFAULT_RESOURCES,
    log: Callable[[str], None] = lambda text: None,
) -> VariantScoring:
    """Scores chunk by chunk. variants: "all-singles", a table or text file of variants, or their names."""
    if (alignment is None) == (model is None):
        raise ConfigError("Expected an alignment or a model trained on one, and not both: --alignment or --model.")
    folder = model if alignment is None else family_model(domain, alignment, resources, log)
    loaded = load_model(domain, folder, resources.device)
    if loaded.recipe.variants is None:
        raise ConfigError(f"Expected a model of a family, {loaded.folder} is of recipe '{loaded.recipe.name}'.")
    use_threads(resources.threads)
    return VariantScoring(loaded, variants, column)


class VariantScoring:
    """Iterates over `ScoredChunk`s with the columns `mutant`, `score`, `score_sd`."""

    columns = COLUMNS

    def __init__(self, loaded: LoadedModel, variants: str | Path | Sequence[str], column: str | None) -> None:
        self.loaded = loaded
        self.scorer = loaded.recipe.variants(loaded.model, loaded.representation)
        self.rows = _rows(variants, self.scorer, loaded.domain, column)
        self.scored = self.refused = 0

    def __iter__(self) -> Iterator[ScoredChunk]:
        while chunk := list(islice(self.rows, CHUNK)):
            results = self.scorer.score([row.text for row in chunk])
            good = [one for one in results if not isinstance(one, Refusal)]
            pairs = zip(chunk, results, strict=True)
            refused = [(row.line, row.text, one.reason) for row, one in pairs if isinstance(one, Refusal)]
            self.scored, self.refused = self.scored + len(good), self.refused + len(refused)
            values = {
                "mutant": [one.mutant for one in good],
                "score": [one.score for one in good],
                "score_sd": [one.deviation for one in good],
            }
            yield ScoredChunk(values, refused)

    def summary(self) -> dict[str, Any]:
        return {"scored": self.scored, "refused": self.refused, "model": str(self.loaded.folder)}


def _rows(variants: str | Path | Sequence[str], scorer: Any, science: Any, column: str | None) -> Iterator[Row]:
    if isinstance(variants, str) and variants == ALL_SINGLES:
        return (Row(line, name) for line, name in enumerate(scorer.all_singles(), 1))
    if not isinstance(variants, str | Path):
        return (Row(line, name) for line, name in enumerate(variants, 1))
    path = Path(variants)
    if path.suffix == ".txt":
        return _lines(path)
    return read_table(path, (*VARIANT_COLUMNS, *science.item_columns), column)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line, text in enumerate(handle, 1):
            if text.strip():
                yield Row(line, text.strip())

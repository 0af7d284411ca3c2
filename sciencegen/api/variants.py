"""Score variants of one reference item by a model of its family, which an alignment trains on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sciencegen.api.models import LoadedModel, load_model
from sciencegen.api.references import columns_of
from sciencegen.api.rooms import domain_of, plain_of, use_threads
from sciencegen.api.score import ScoredChunk
from sciencegen.api.train import train
from sciencegen.config import DEFAULT_RESOURCES, Resources, TrainSettings, build_settings
from sciencegen.data.tables import Row, read_table
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError, DataError

ALL_SINGLES = "all-singles"
COLUMNS = ("mutant", "score", "score_sd")
CHUNK = 256
TABLES = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq")


def family_recipe(domain: str) -> Any:
    """The domain's recipe of families."""
    recipe = next((one for one in domain_of(domain).recipes.values() if one.variants), None)
    if recipe is None:
        raise ConfigError(f"Expected a domain with models of families (proteins), {domain} has none.")
    return recipe


def family_model(
    domain: str,
    alignment: str | Path,
    resources: Resources = DEFAULT_RESOURCES,
    log: Callable[[str], None] = print,
    **settings: Any,
) -> Path:
    """The folder of the model of an alignment's family: trained into `runs/`, or found there. settings: of `train`."""
    recipe = family_recipe(domain)
    if not Path(alignment).is_file():
        raise DataError(f"Expected an alignment (.a2m, .a3m, .sto, .fasta) at {alignment}, found no file.")
    if str(alignment).lower().endswith(TABLES):
        raise ConfigError(
            f"Expected an alignment (.a2m, .a3m, .sto, .fasta) for --alignment, got the table {alignment}. A table of "
            "variants goes to `score --variants`, one of measured values to `train predictor` or `propose --measured`."
        )
    chosen = {"recipe": recipe.name, "device": resources.device, "threads": resources.threads, **settings}
    return train(domain, alignment, build_settings(TrainSettings, chosen), log=log).folder


def score_variants(
    domain: str,
    variants: str | Path | Sequence[str] = ALL_SINGLES,
    *,
    alignment: str | Path | None = None,
    model: str | Path | None = None,
    column: str | None = None,
    classify: bool = False,
    resources: Resources = DEFAULT_RESOURCES,
    log: Callable[[str], None] = lambda text: None,
) -> VariantScoring:
    """Scores chunk by chunk. variants: "all-singles", a table or text file of variants, or their names.

    classify: with the domain's classes, which follow from the scores of all singles, whatever is asked for.
    """
    if (alignment is None) == (model is None):
        raise ConfigError("Expected an alignment or a model trained on one, and not both: --alignment or --model.")
    if classify and not hasattr(plain_of(domain), "variant_classes"):
        raise ConfigError(f"Expected a domain with classes of variants (proteins), {domain} has none.")
    folder = model if alignment is None else family_model(domain, alignment, resources, log)
    loaded = load_model(domain, folder, resources.device)
    if loaded.recipe.variants is None:
        raise ConfigError(f"Expected a model of a family, {loaded.folder} is of recipe '{loaded.recipe.name}'.")
    use_threads(resources.threads)
    scoring = VariantScoring(loaded, variants, column, plain_of(domain).variant_classes if classify else None)
    for note in scoring.notes:
        log(f"note: {note}")
    return scoring


class VariantScoring:
    """Iterates over `ScoredChunk`s with the columns `mutant`, `score`, `score_sd`, and those of the classes.

    classify: scores of all singles -> classes (`Domain.variant_classes`).
    """

    def __init__(
        self, loaded: LoadedModel, variants: str | Path | Sequence[str], column: str | None,
        classify: Callable[[Sequence[float]], Any] | None = None,
    ) -> None:  # fmt: skip
        self.loaded = loaded
        self.scorer = loaded.recipe.variants(loaded.model, loaded.representation)
        self.rows = _rows(variants, self.scorer, loaded.domain, column)
        self.scored = self.refused = 0
        self.known: dict[str, Any] = {}
        self.classes: Any = None
        self.counts: Counter[str] = Counter()
        if classify is not None:
            singles = self.scorer.all_singles()
            self.known = dict(zip(singles, self.scorer.score(singles), strict=True))
            self.classes = classify([one.score for one in self.known.values()])

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS if self.classes is None else (*COLUMNS, *self.classes.columns)

    @property
    def notes(self) -> list[str]:
        return [] if self.classes is None else self.classes.notes()

    def __iter__(self) -> Iterator[ScoredChunk]:
        while chunk := list(islice(self.rows, CHUNK)):
            results = self._score([row.text for row in chunk])
            good = [one for one in results if not isinstance(one, Refusal)]
            pairs = zip(chunk, results, strict=True)
            refused = [(row.line, row.text, one.reason) for row, one in pairs if isinstance(one, Refusal)]
            self.scored, self.refused = self.scored + len(good), self.refused + len(refused)
            values = {
                "mutant": [one.mutant for one in good],
                "score": [one.score for one in good],
                "score_sd": [one.deviation for one in good],
            }
            if self.classes is not None:
                values |= self.classes.values(values["score"])
                self.counts.update(values["class"])
            yield ScoredChunk(values, refused)

    def _score(self, texts: Sequence[str]) -> list[Any]:
        """What classes looked at already isn't scored again."""
        new = [text for text in texts if text not in self.known]
        found = dict(zip(new, self.scorer.score(new) if new else [], strict=True))
        return [found[text] if text in found else self.known[text] for text in texts]

    def summary(self) -> dict[str, Any]:
        classes = {} if self.classes is None else {"classes": dict(sorted(self.counts.items()))}
        return {"scored": self.scored, "refused": self.refused, "model": str(self.loaded.folder)} | classes


def _rows(variants: str | Path | Sequence[str], scorer: Any, science: Any, column: str | None) -> Iterator[Row]:
    if isinstance(variants, str) and variants == ALL_SINGLES:
        return (Row(line, name) for line, name in enumerate(scorer.all_singles(), 1))
    if not isinstance(variants, str | Path):
        return (Row(line, name) for line, name in enumerate(variants, 1))
    path = Path(variants)
    if path.suffix == ".txt":
        return _lines(path)
    if path.name.lower().endswith(TABLES):
        return read_table(path, columns_of(science, True), column)
    return plain_of(science.name).read(path, column)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line, text in enumerate(handle, 1):
            if text.strip():
                yield Row(line, text.strip())

"""Score variants of one reference item by a model of its family, which an alignment trains on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sciencegen.api.models import LoadedModel, load_model
from sciencegen.api.oracles import OracleBook
from sciencegen.api.references import columns_of, hinted, reference_of
from sciencegen.api.rooms import domain_of, plain_of, use_threads
from sciencegen.api.score import ScoredChunk
from sciencegen.api.train import train
from sciencegen.config import DEFAULT_RESOURCES, Resources, TrainSettings, build_settings
from sciencegen.data.tables import READ_TABLES, Row, read_table
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError, DataError
from sciencegen.scoring.oracles import BESIDE

ALL_SINGLES = "all-singles"
COLUMNS, SCORES = ("line", "mutant"), ("score", "score_sd")
CHUNK = 4096
"""Variants that are scored at once; those that need a pass of the networks of their own share it."""


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
    if str(alignment).lower().endswith(READ_TABLES):
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
    wild_type: str | None = None,
    predictors: Mapping[str, str] | None = None,
    column: str | None = None,
    classify: bool = False,
    resources: Resources = DEFAULT_RESOURCES,
    log: Callable[[str], None] = lambda text: None,
) -> VariantScoring:
    """Scores chunk by chunk. variants: "all-singles", a table or text file of variants, or their names.

    wild_type: what they are variants of, where no family scores them but predictors alone (name -> folder).
    classify: with the domain's classes, which follow from the scores of all singles, whatever is asked for.
    """
    _check_wish(domain, (alignment, model, wild_type), predictors or {}, classify)
    check_variants(domain, variants, classify)
    science = plain_of(domain)
    loaded = None
    if wild_type is None:
        loaded = _load(domain, alignment, model, resources, log)
        scorer = loaded.recipe.variants(loaded.model, loaded.representation)
        if scorer is None and (classify or not predictors):
            raise ConfigError(
                f"Expected a family's model, trained on an alignment; {loaded.folder} learned from measured variants, "
                "which tell effects by a predictor. Train one (`train predictor`) and pass --predictor."
            )
        names = science.variant_names(loaded.representation.reference) if scorer is None else scorer.names
        scorers: tuple[Any, Any] = (scorer, names)
    else:
        scorers = (None, science.variant_names(reference_of(science, wild_type)))
    use_threads(resources.threads)
    scoring = VariantScoring(
        domain, *scorers, _rows(variants, scorers[0] or scorers[1], science, column), predictors or {},
        science.variant_classes if classify else None, None if loaded is None else str(loaded.folder),
    )  # fmt: skip
    for note in scoring.notes:
        log(f"note: {note}")
    return scoring


def _check_wish(
    domain: str, sources: Sequence[str | Path | None], predictors: Mapping[str, str], classify: bool
) -> None:
    wild_type = sources[-1]
    if sum(source is not None for source in sources) != 1:
        raise ConfigError(
            "Expected an alignment or a model trained on one (--alignment or --model), or --wild-type with "
            "--predictor, and one of them only."
        )
    if wild_type is not None and (classify or not predictors):
        raise ConfigError("Expected --predictor, and no --classify, with --wild-type: no family scores the variants.")


def check_variants(domain: str, variants: str | Path | Sequence[str], classify: bool) -> None:
    """An error for variants that are no file, and for classes that the domain doesn't know."""
    if classify and not hasattr(plain_of(domain), "variant_classes"):
        raise ConfigError(f"Expected a domain with classes of variants (proteins), {domain} has none.")
    if isinstance(variants, str | Path) and variants != ALL_SINGLES and not Path(variants).is_file():
        raise DataError(f"Expected {ALL_SINGLES} or a file of variants, found no file '{variants}'.")


def check_family(recipe: Any, model: str) -> None:
    if recipe.variants is None:
        raise ConfigError(f"Expected a model of a family, {model} is of recipe '{recipe.name}'.")


def _load(
    domain: str,
    alignment: str | Path | None,
    model: str | Path | None,
    resources: Resources,
    log: Callable[[str], None],
) -> LoadedModel:
    """The family's model."""
    folder = model if alignment is None else family_model(domain, alignment, resources, log)
    loaded = load_model(domain, folder, resources.device)
    check_family(loaded.recipe, str(loaded.folder))
    return loaded


class VariantScoring:
    """Iterates over `ScoredChunk`s with the columns `line`, `mutant`; of a family `score`, `score_sd`; those of
    classes; and of each predictor x, x_lower, x_upper, x_in_domain.

    scorer: of the family, or None. names: `Domain.variant_names`. classify: scores of all singles -> classes
    (`Domain.variant_classes`).
    """

    def __init__(
        self, domain: str, scorer: Any, names: Any, rows: Iterator[Row], predictors: Mapping[str, str],
        classify: Callable[[Sequence[float]], Any] | None = None, model: str | None = None,
    ) -> None:  # fmt: skip
        self.domain, self.scorer, self.names, self.rows, self.model = plain_of(domain), scorer, names, rows, model
        book = OracleBook(domain, dict(predictors))
        self.oracles = {name: book.resolve(name) for name in predictors}
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
        predicted = (column for name in self.oracles for column in (name, *(f"{name}_{part}" for part in BESIDE)))
        classes = () if self.classes is None else self.classes.columns
        return (*COLUMNS, *(() if self.scorer is None else SCORES), *classes, *predicted)

    @property
    def notes(self) -> list[str]:
        return [] if self.classes is None else self.classes.notes()

    def __iter__(self) -> Iterator[ScoredChunk]:
        while chunk := list(islice(self.rows, CHUNK)):
            results = self._score([row.text for row in chunk])
            pairs = list(zip(chunk, results, strict=True))
            wrong = [(row.line, row.text, one.reason) for row, one in pairs if isinstance(one, Refusal)]
            refused = hinted(self.names, [row.text for row in chunk], wrong)
            good = [(row.line, one) for row, one in pairs if not isinstance(one, Refusal)]
            self.scored, self.refused = self.scored + len(good), self.refused + len(refused)
            yield ScoredChunk(self._values(good), refused)

    def _score(self, texts: Sequence[str]) -> list[Any]:
        """A record with `mutant`, or a Refusal. What classes looked at already isn't scored again."""
        if self.scorer is None:
            found = [self.names.read(text) for text in texts]
            return [one if isinstance(one, Refusal) else _Named(one[0]) for one in found]
        new = [text for text in texts if text not in self.known]
        fresh = dict(zip(new, self.scorer.score(new) if new else [], strict=True))
        return [fresh[text] if text in fresh else self.known[text] for text in texts]

    def _values(self, good: Sequence[tuple[int, Any]]) -> dict[str, list[Any]]:
        values: dict[str, list[Any]] = {"line": [line for line, _ in good], "mutant": [one.mutant for _, one in good]}
        if self.scorer is not None:
            values |= {"score": [one.score for _, one in good], "score_sd": [one.deviation for _, one in good]}
        if self.classes is not None:
            values |= self.classes.values(values["score"])
            self.counts.update(values["class"])
        return values | self._predicted(values["mutant"])

    def _predicted(self, mutants: Sequence[str]) -> dict[str, list[Any]]:
        """Empty where a predictor has nothing to say, as of deletions."""
        items = [self.domain.parse(self.names.read(mutant)[1]) for mutant in mutants] if self.oracles else []
        good = [item for item in items if not isinstance(item, Refusal)]
        values: dict[str, list[Any]] = {}
        for name, oracle in self.oracles.items():
            scores = iter(oracle.score(good) if good else [])
            each = [None if isinstance(item, Refusal) else next(scores) for item in items]
            for column, part in {name: "value", **{f"{name}_{part}": part for part in BESIDE}}.items():
                values[column] = [None if one is None else getattr(one, part) for one in each]
        return values

    def summary(self) -> dict[str, Any]:
        classes = {} if self.classes is None else {"classes": dict(sorted(self.counts.items()))}
        made_by = {} if self.model is None else {"model": self.model}
        return {"scored": self.scored, "refused": self.refused} | made_by | classes


@dataclass(frozen=True)
class _Named:
    mutant: str


def _rows(variants: str | Path | Sequence[str], scorer: Any, science: Any, column: str | None) -> Iterator[Row]:
    if variants == ALL_SINGLES:
        return (Row(line, name) for line, name in enumerate(scorer.all_singles(), 1))
    if not isinstance(variants, str | Path):
        return (Row(line, name) for line, name in enumerate(variants, 1))
    path = Path(variants)
    if path.suffix == ".txt":
        return _lines(path)
    if path.name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, True), column)
    return plain_of(science.name).read(path, column)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line, text in enumerate(handle, 1):
            if text.strip():
                yield Row(line, text.strip())

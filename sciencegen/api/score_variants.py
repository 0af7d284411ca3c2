"""Score variants of a reference item by a model of its family; for an alignment the model is trained first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from sciencegen.api.criteria import OracleBook, with_networks
from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.science import Numbering, columns_of, domain_of, in_form, plain_of, reference_of, variants_of
from sciencegen.api.scores import ScoredChunk, own_columns
from sciencegen.api.train import Log, train_model
from sciencegen.api.writing.results import VariantScores, scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, check_endings, check_table, open_output
from sciencegen.config import (
    DEFAULT_RESOURCES,
    GenerateSettings,
    OptimizeSettings,
    Resources,
    TrainSettings,
    VariantScoringSettings,
    build_settings,
)
from sciencegen.data.tables import PEEK_ROWS, READ_TABLES, read_table
from sciencegen.data.threads import use_threads
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import VariantNames, VariantStructure
from sciencegen.domains.recipes import FamilyTraining, Recipe, VariantScorer
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import NAME_COLUMN, Refusal, Row
from sciencegen.options import takes
from sciencegen.records import ledger
from sciencegen.scoring.oracles import PredictionTally, cells_of, measured_range, tally_notes, with_annotations

ALL_SINGLES = "all-singles"

COLUMNS, SCORES = ("line", NAME_COLUMN), ("score", "score_sd")

Drawing = TypeVar("Drawing", GenerateSettings, OptimizeSettings)

CHUNK = 1024
"""Variants that are scored at once; variants that need extra passes of the networks share them."""


def family_recipe(domain: str, name: str | None = None) -> Recipe:
    """The domain's recipe for families, by default the first; an error if it has none."""
    recipes = {one.name: one for one in domain_of(domain).recipes.values() if one.family}
    if not recipes:
        raise ConfigError(f"Expected a domain with models of families (proteins), {domain} has none.")
    if name is not None and name not in recipes:
        raise unknown_name("recipe of families", name, recipes)
    return recipes[name or next(iter(recipes))]


def family_model(
    domain: str,
    alignment: str | Path,
    resources: Resources = DEFAULT_RESOURCES,
    log: Log = print,
    made_by: Mapping[str, Mapping[str, Any]] | None = None,
    recipe: str | None = None,
) -> Path:
    """The folder of an alignment's model, which is trained into `runs/` if needed. made_by: options of `train`."""
    name = family_recipe(domain, recipe).name
    if not Path(alignment).is_file():
        raise DataError(f"Expected an alignment (.a2m, .a3m, .sto, .fasta) at {alignment}, found no file.")
    if str(alignment).lower().endswith(READ_TABLES):
        raise ConfigError(
            f"Expected an alignment (.a2m, .a3m, .sto, .fasta) for `alignment`, got the table {alignment}. A table of "
            "variants goes to `score --variants`, one of measured values to `train predictor` or `propose --measured`."
        )
    chosen = {"recipe": name, "device": resources.device, "threads": resources.threads, **(made_by or {})}
    return train_model(domain, alignment, build_settings(TrainSettings, chosen), log=log).folder


def of_family(domain: str, record: Drawing, alignment: str, output: str, log: Log) -> Drawing:
    """The settings with the model of the alignment's family. output: the file to write; its ending is checked first."""
    if record.model is not None:
        raise ConfigError("Expected --alignment or --model, got both.")
    check_endings(in_form(domain, family_recipe(domain).form), output)  # before minutes of training
    return record.model_copy(update={"model": str(family_model(domain, alignment, record, log))})


@takes(VariantScoringSettings)
def score_variants(domain: str, variants: str | Path | Sequence[str] = ALL_SINGLES, **options: object) -> VariantScores:
    r"""Score variants of one item by a model of its family, or by predictors.

    The score of a family is a difference of log-likelihoods [1]_.

    Parameters
    ----------
    domain : str
        A domain with variants: "proteins".
    variants : str, Path or sequence of str
        "all-singles", a table or text file of variants, or their names, such as "A42G:K43R".

    Returns
    -------
    VariantScores
        `score` in nats, higher is fitter and 0 the wild type; `score_sd`, the spread between the models of the
        ensemble; `column_score`, by the frequencies of letters in the alignment's columns alone; columns of a
        structure and of predictors; and the other columns of the input table. `plot_heatmap` draws them.

    Raises
    ------
    ConfigError
        Unless exactly one of `alignment`, `model` and `wild_type` is given.

    References
    ----------
    .. [1] Frazer et al., "Disease variant prediction with deep generative models of evolutionary data", Nature 599,
       2021.

    Examples
    --------
    >>> import sciencegen as sg
    >>> records = ["MKVLAT", "MKILAT", "MRVLAS", "MKVLGT", "MKVIAT", "MRVLAT", "MKVLAS", "MKILGT"]
    >>> _ = open("family.a2m", "w").write("".join(f">{n}\n{text}\n" for n, text in enumerate(records)))
    >>> settings, training = {"members": 1, "hidden": 8, "latent": 2}, {"steps": 2, "batch_size": 4}
    >>> found = sg.score_variants("proteins", ["K2R", "V3I"], alignment="family.a2m", settings=settings,
    ...                           training=training, threads=1)
    >>> found.table["mutant"].tolist()
    ['K2R', 'V3I']
    """
    request = resolve_score_variants(domain, variants, build_settings(VariantScoringSettings, options))
    scoring = request.scoring()
    found = scored(scoring, partial(request.open, scoring))
    notes = (*found.notes, *scoring.last_notes)
    return VariantScores(found.table, found.summary, notes, found.writer, found.refused, domain)


def resolve_score_variants(
    domain: str,
    variants: str | Path | Sequence[str],
    settings: VariantScoringSettings,
    log: Log = lambda text: None,
) -> VariantRequest:
    """Check the settings and load the models; an alignment's model is trained first.

    variants: "all-singles", a table or text file of variants, or their names.
    """
    sources = (settings.alignment, settings.model, settings.wild_type)
    if sum(source is not None for source in sources) != 1:
        raise ConfigError(
            "Expected an alignment or a model trained on one (`alignment` or `model`), or `wild_type` with "
            "`predictors`, and one of them only."
        )
    if settings.wild_type is not None and (settings.structure is not None or not settings.predictors):
        raise ConfigError("Expected `predictors`, and no `structure`, with `wild_type`: no family scores the variants.")
    check_variants(domain, variants, settings.structure)
    if (settings.settings or settings.training or settings.recipe) and settings.alignment is None:
        raise ConfigError(
            "Expected `recipe`, `settings` and `training` with `alignment` only: they say how its model is trained."
        )
    science, loaded, scorer = plain_of(domain), None, None
    if settings.wild_type is not None:
        names = variants_of(science).names(reference_of(science, settings.wild_type))
    else:
        loaded, scorer = _family(domain, settings, log)
        names = variants_of(science).names(loaded.reference) if scorer is None else scorer.names
    use_threads(settings.threads)
    if settings.structure is not None:
        log("scoring all single substitutions, among which the others are ranked")
    folder = None if loaded is None else str(loaded.folder)
    structure = None if loaded is None else _structure(science, loaded, settings.structure)
    device, _ = with_networks(domain, settings.predictors, settings.device)
    return VariantRequest(
        domain, scorer, names, variants, settings.column, settings.predictors, structure, folder, device
    )


def _family(domain: str, settings: VariantScoringSettings, log: Log) -> tuple[LoadedModel, VariantScorer | None]:
    """The family's model and its scorer of variants; the scorer is None for a model of measured variants."""
    made_by = {"settings": settings.settings, "training": settings.training}
    folder = settings.model
    if settings.alignment is not None:
        given = {key: values for key, values in made_by.items() if values}
        folder = str(family_model(domain, settings.alignment, settings, log, given, settings.recipe))
    loaded = load_model(domain, folder, settings.device)
    family = family_of_recipe(loaded.recipe, str(loaded.folder))
    scorer = family.scorer(loaded.model, loaded.representation)
    if scorer is None and (settings.structure is not None or not settings.predictors):
        raise ConfigError(
            f"Expected a family's model, trained on an alignment; {loaded.folder} was trained on measured "
            "variants, whose effects only a predictor can score. Train one (`train predictor`) and pass `predictors`."
        )
    return loaded, scorer


def check_variants(domain: str, variants: str | Path | Sequence[str], structure: str | None = None) -> None:
    """Raise an error if the file of variants is missing, or if the domain has no structures of them."""
    known = plain_of(domain).variants
    if structure is not None and (known is None or known.structure is None):
        raise ConfigError(f"Expected a domain with structures of variants (proteins), {domain} has none.")
    if isinstance(variants, str | Path) and variants != ALL_SINGLES and not Path(variants).is_file():
        raise DataError(
            f"Expected {ALL_SINGLES} or a file of variants, found no file '{variants}'. "
            "Put A42G or such into a file with the header `mutant`."
        )


def _structure(
    science: Domain, loaded: LoadedModel, structure: str | None
) -> Callable[[Sequence[str], Sequence[float]], VariantStructure] | None:
    """Scores with a structure, if one was given, from all single changes and the family's scores of them."""
    known = variants_of(science).structure
    return None if structure is None or known is None else partial(known, loaded.reference, structure)


def family_of_recipe(recipe: Recipe, model: str) -> FamilyTraining:
    """What the recipe does with a family; an error if it isn't trained on one. model: its name in the message."""
    if recipe.family is None:
        raise ConfigError(f"Expected a model of a family, {model} is of recipe '{recipe.name}'.")
    return recipe.family


# Variants scored chunk by chunk, by a family's model and by predictors.


@dataclass(frozen=True)
class VariantRequest:
    """A checked request to score variants.

    scorer: of the family, or None. names: how the domain names variants. variants: all, a file, or names; column: of
    names in a file. predictors: name -> folder. structure: (all single mutations, their scores) -> scores with a
    structure. model: the family's folder. device: of the predictors' networks.
    """

    domain: str
    scorer: VariantScorer | None
    names: VariantNames
    variants: str | Path | Sequence[str] = ALL_SINGLES
    column: str | None = None
    predictors: Mapping[str, str] = field(default_factory=dict)
    structure: Callable[[Sequence[str], Sequence[float]], VariantStructure] | None = None
    model: str | None = None
    device: str = "cpu"

    def scoring(self) -> VariantScoring:
        """The scores, chunk by chunk."""
        return VariantScoring(
            self, variant_rows(self.variants, self.scorer or self.names, plain_of(self.domain), self.column)
        )

    def open(self, scoring: VariantScoring, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of these scores."""
        check_table(output, "scores of variants")
        options = OutputOptions(overwrite=overwrite, exact=scoring.own.carried)
        return open_output(self.domain, output, scoring.columns, options)


class VariantScoring:
    """Iterates over `ScoredChunk`s. The columns are `line` and the name; with a family `score` and `score_sd`; those of
    a structure; x, x_lower, x_upper, x_in_domain for each predictor x; and the input's other columns.
    """

    def __init__(self, asked: VariantRequest, rows: Iterator[Row]) -> None:
        scorer, structure = asked.scorer, asked.structure
        self.domain, self.scorer, self.names, self.model = plain_of(asked.domain), scorer, asked.names, asked.model
        self.total = len((scorer or asked.names).all_singles()) if asked.variants == ALL_SINGLES else None
        self.doubts = [] if scorer is None else scorer.doubts()
        book = OracleBook(asked.domain, dict(asked.predictors), device=asked.device)
        self.oracles = {name: book.resolve(name) for name in asked.predictors}
        self.tallies = {name: PredictionTally(name, measured_range(one)) for name, one in self.oracles.items()}
        self.scored = self.refused = self.predicted = 0
        self.first_failure = ""
        self.first_refused: Refused | None = None
        self.known: dict[str, Any] = {}
        self.structure: VariantStructure | None = None
        self.numbering = Numbering(asked.names)
        if scorer is not None and structure is not None:
            singles = scorer.all_singles()
            self.known = dict(zip(singles, scorer.score(singles), strict=True))
            self.structure = structure(singles, [one.score for one in self.known.values()])
        peeked = list(islice(rows, PEEK_ROWS))
        self.rows = chain(peeked, rows)
        self.own = own_columns(map(_own_cells, peeked), self.ours, (NAME_COLUMN,))

    @property
    def ours(self) -> tuple[str, ...]:
        predicted = with_annotations(list(self.oracles), self.oracles)
        placed = () if self.structure is None else self.structure.columns
        scores = () if self.scorer is None else (*SCORES, *self.scorer.baselines)
        return (*COLUMNS, *scores, *placed, *predicted)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.ours, *self.own.carried)

    @property
    def notes(self) -> list[str]:
        """Notes that are known before the first row."""
        placed = [] if self.structure is None else self.structure.notes()
        return [*self.doubts, *self.own.notes, *placed]

    @property
    def last_notes(self) -> list[str]:
        """Notes that are known after the last row."""
        return [*self.numbering.notes, *tally_notes(self.tallies)]

    def __iter__(self) -> Iterator[ScoredChunk]:
        while chunk := list(islice(self.rows, CHUNK)):
            texts = [row.text for row in chunk]
            pairs = list(zip(chunk, self._score(texts), strict=True))
            refused = [(row.line, row.text, one.reason) for row, one in pairs if isinstance(one, Refusal)]
            self.first_refused = self.first_refused or next(iter(refused), None)
            good = [(row, one) for row, one in pairs if not isinstance(one, Refusal)]
            self.scored, self.refused = self.scored + len(good), self.refused + len(refused)
            self.numbering.look(texts, [row.text for row, _ in good], len(refused))
            yield ScoredChunk(self._values(good), refused)

    def _score(self, texts: Sequence[str]) -> list[tuple[str, Any] | Refusal]:
        """The name with the family's score, or a refusal. Singles with known scores aren't scored again."""
        if self.scorer is None:
            return [one if isinstance(one, Refusal) else (one[0], None) for one in map(self.names.read, texts)]
        new = [text for text in texts if text not in self.known]
        fresh = dict(zip(new, self.scorer.score(new) if new else [], strict=True))
        found = [fresh[text] if text in fresh else self.known[text] for text in texts]
        return [one if isinstance(one, Refusal) else (one.name, one) for one in found]

    def _values(self, good: Sequence[tuple[Row, tuple[str, Any]]]) -> dict[str, list[Any]]:
        values: dict[str, list[Any]] = {
            "line": [row.line for row, _ in good],
            NAME_COLUMN: [name for _, (name, _) in good],
        }
        if self.scorer is not None:
            scores = [score for _, (_, score) in good]
            values |= {"score": [one.score for one in scores], "score_sd": [one.deviation for one in scores]}
            columns = zip(*(one.baselines for one in scores), strict=True)
            values |= dict(zip(self.scorer.baselines, map(list, columns), strict=False))
        if self.structure is not None:
            values |= self.structure.values(values[NAME_COLUMN], values["score"])
        values |= self._predicted(values[NAME_COLUMN])
        cells = [_own_cells(row) for row, _ in good]
        return {name: values[name] if name in values else [own.get(name) for own in cells] for name in self.columns}

    def _predicted(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Columns of the predictors; cells are empty for variants without prediction, such as deletions."""
        items = [self.domain.items.parse(self._text_of(name)) for name in names] if self.oracles else []
        good = [item for item in items if not isinstance(item, Refusal)]
        values: dict[str, list[Any]] = {}
        for name, oracle in self.oracles.items():
            scores = iter(oracle.score(good) if good else [])
            each = [None if isinstance(item, Refusal) else next(scores) for item in items]
            known = [one for one in each if one is not None]
            self.predicted += sum(not one.failed for one in known)
            self.tallies[name].look(known)
            failures = (f"{name}: {one.failure}" for one in known if one.failed)
            self.first_failure = self.first_failure or next(failures, "")
            cells = [{} if one is None else cells_of(name, one) for one in each]
            values |= {column: [row.get(column) for row in cells] for column in with_annotations([name], [name])}
        return values

    def _text_of(self, name: str) -> str:
        """The item's text of a valid name."""
        found = self.names.read(name)
        assert not isinstance(found, Refusal)
        return found[1]

    def summary(self) -> dict[str, Any]:
        made_by = {} if self.model is None else {"model": self.model}
        notes = [*self.doubts, *self.last_notes]
        noted = {"notes": notes} if notes else {}
        kept = {"scored": self.scored, "refused": self.refused}
        return {**kept, **ledger("rows", sum(kept.values()), kept)} | made_by | noted


def _own_cells(row: Row) -> Mapping[str, Any]:
    """The cells of a table's row, or the name of a record as column `id`."""
    return row.cells or ({"id": row.id} if row.id else {})


def variant_rows(
    variants: str | Path | Sequence[str], scorer: VariantScorer | VariantNames, science: Domain, column: str | None
) -> Iterator[Row]:
    """Rows of all single mutations, of names, or of a file of variants; rows of tables with all cells."""
    if variants == ALL_SINGLES:
        return (Row(line, name) for line, name in enumerate(scorer.all_singles(), 1))
    if not isinstance(variants, str | Path):
        return (Row(line, name) for line, name in enumerate(variants, 1))
    path = Path(variants)
    if path.suffix == ".txt":
        return _lines(path)
    if path.name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, True), column, with_cells=True)
    return plain_of(science.name).items.read(path, column)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line, text in enumerate(handle, 1):
            if text.strip():
                yield Row(line, text.strip())

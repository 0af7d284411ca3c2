"""Score variants of a reference item by a model of its family; for an alignment the model is trained first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.science.forms import domain_of, plain_of
from sciencegen.api.science.naming import reference_of, variants_of
from sciencegen.api.scores.variants import ALL_SINGLES, VariantScoring, VariantTask, variant_rows
from sciencegen.api.train import Log, train_model
from sciencegen.api.writing.letters import VariantScores
from sciencegen.api.writing.results import scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, check_table, open_output
from sciencegen.config import DEFAULT_RESOURCES, Resources, TrainSettings, VariantScoringSettings, build_settings
from sciencegen.data.tables import READ_TABLES
from sciencegen.data.threads import use_threads
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import VariantStructure
from sciencegen.domains.recipes import Recipe, VariantScorer
from sciencegen.errors import ConfigError, DataError
from sciencegen.options import takes


def family_recipe(domain: str) -> Recipe:
    """The domain's recipe for families; an error if it has none."""
    recipe = next((one for one in domain_of(domain).recipes.values() if one.family), None)
    if recipe is None:
        raise ConfigError(f"Expected a domain with models of families (proteins), {domain} has none.")
    return recipe


def family_model(
    domain: str,
    alignment: str | Path,
    resources: Resources = DEFAULT_RESOURCES,
    log: Log = print,
    made_by: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """The folder of an alignment's model, which is trained into `runs/` if needed. made_by: options of `train`."""
    recipe = family_recipe(domain)
    if not Path(alignment).is_file():
        raise DataError(f"Expected an alignment (.a2m, .a3m, .sto, .fasta) at {alignment}, found no file.")
    if str(alignment).lower().endswith(READ_TABLES):
        raise ConfigError(
            f"Expected an alignment (.a2m, .a3m, .sto, .fasta) for `alignment`, got the table {alignment}. A table of "
            "variants goes to `score --variants`, one of measured values to `train predictor` or `propose --measured`."
        )
    chosen = {"recipe": recipe.name, "device": resources.device, "threads": resources.threads, **(made_by or {})}
    return train_model(domain, alignment, build_settings(TrainSettings, chosen), log=log).folder


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
        ensemble; columns of a structure and of predictors; and the other columns of the input table. `plot_heatmap`
        draws them.

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
    notes = (*found.notes, *scoring.numbering.notes)
    return VariantScores(found.table, found.summary, notes, found.writer, found.refused, domain)


@dataclass(frozen=True)
class VariantRequest:
    """Variants to score by `task`. column: the column of their names in a file."""

    domain: str
    task: VariantTask
    variants: str | Path | Sequence[str]
    column: str | None = None

    def scoring(self) -> VariantScoring:
        """The scores, chunk by chunk."""
        task, science = self.task, plain_of(self.domain)
        return VariantScoring(task, variant_rows(self.variants, task.scorer or task.names, science, self.column))

    def open(self, scoring: VariantScoring, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of these scores."""
        check_table(output, "scores of variants")
        options = OutputOptions(overwrite=overwrite, exact=scoring.own.carried)
        return open_output(self.domain, output, scoring.columns, options)


def resolve_score_variants(
    domain: str,
    variants: str | Path | Sequence[str],
    settings: VariantScoringSettings,
    log: Log = lambda text: None,
) -> VariantRequest:
    """Check the settings and load the models; an alignment's model is trained first.

    variants: "all-singles", a table or text file of variants, or their names.
    """
    check_score_variants(domain, variants, settings)
    science, loaded, scorer = plain_of(domain), None, None
    if settings.wild_type is not None:
        names = variants_of(science).names(reference_of(science, settings.wild_type))
    else:
        loaded, scorer = _family(domain, settings, log)
        names = variants_of(science).names(loaded.reference) if scorer is None else scorer.names
    use_threads(settings.threads)
    total = len((scorer or names).all_singles()) if variants == ALL_SINGLES else None
    if settings.structure is not None:
        log("scoring all single substitutions, among which the others are ranked")
    folder = None if loaded is None else str(loaded.folder)
    structure = None if loaded is None else _structure(science, loaded, settings.structure)
    task = VariantTask(domain, scorer, names, settings.predictors, structure, folder, total)
    return VariantRequest(domain, task, variants, settings.column)


def check_score_variants(domain: str, variants: str | Path | Sequence[str], settings: VariantScoringSettings) -> None:
    """Check the settings, before a model is loaded or trained."""
    sources = (settings.alignment, settings.model, settings.wild_type)
    if sum(source is not None for source in sources) != 1:
        raise ConfigError(
            "Expected an alignment or a model trained on one (`alignment` or `model`), or `wild_type` with "
            "`predictors`, and one of them only."
        )
    if settings.wild_type is not None and (settings.structure is not None or not settings.predictors):
        raise ConfigError("Expected `predictors`, and no `structure`, with `wild_type`: no family scores the variants.")
    check_variants(domain, variants, settings.structure)
    if (settings.settings or settings.training) and settings.alignment is None:
        raise ConfigError(
            "Expected `settings` and `training` with `alignment` only: they say how its model is trained."
        )


def _family(domain: str, settings: VariantScoringSettings, log: Log) -> tuple[LoadedModel, VariantScorer | None]:
    """The family's model and its scorer of variants; the scorer is None for a model of measured variants."""
    made_by = {"settings": settings.settings, "training": settings.training}
    folder = settings.model
    if settings.alignment is not None:
        given = {key: values for key, values in made_by.items() if values}
        folder = str(family_model(domain, settings.alignment, settings, log, given))
    loaded = _load(domain, folder, settings)
    assert loaded.recipe.family is not None  # checked by `_load`
    scorer = loaded.recipe.family.scorer(loaded.model, loaded.representation)
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


def check_family(recipe: Recipe, model: str) -> None:
    """Raise an error for a recipe that isn't trained on a family. model: its name in the message."""
    if recipe.family is None:
        raise ConfigError(f"Expected a model of a family, {model} is of recipe '{recipe.name}'.")


def _load(domain: str, folder: str | Path | None, resources: Resources) -> LoadedModel:
    """The family's model."""
    loaded = load_model(domain, folder, resources.device)
    check_family(loaded.recipe, str(loaded.folder))
    return loaded

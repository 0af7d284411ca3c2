"""Score variants of one reference item by a model of its family, which an alignment trains on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.science.forms import domain_of, plain_of
from sciencegen.api.science.naming import reference_of, variants_of
from sciencegen.api.scores.variants import ALL_SINGLES, VariantScoring, variant_rows
from sciencegen.api.train import train
from sciencegen.config import DEFAULT_RESOURCES, Resources, TrainSettings, build_settings
from sciencegen.data.tables import READ_TABLES
from sciencegen.data.threads import use_threads
from sciencegen.domains.capabilities import VariantNames
from sciencegen.domains.recipes import Recipe, VariantScorer
from sciencegen.errors import ConfigError, DataError


def family_recipe(domain: str) -> Recipe:
    """The domain's recipe of families."""
    recipe = next((one for one in domain_of(domain).recipes.values() if one.family), None)
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
            f"Expected an alignment (.a2m, .a3m, .sto, .fasta) for `alignment`, got the table {alignment}. A table of "
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
    settings: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    resources: Resources = DEFAULT_RESOURCES,
    log: Callable[[str], None] = lambda text: None,
) -> VariantScoring:
    """Scores chunk by chunk. variants: "all-singles", a table or text file of variants, or their names.

    wild_type: what they are variants of, where no family scores them but predictors alone (name -> folder).
    classify: with the domain's classes, which follow from the scores of all singles, whatever is asked for.
    settings, training: of the alignment's model, such as {"members": 1} and {"steps": 300}.
    """
    _check_wish(domain, (alignment, model, wild_type), predictors or {}, classify)
    check_variants(domain, variants, classify)
    made_by = {key: dict(given) for key, given in (("settings", settings), ("training", training)) if given}
    if made_by and alignment is None:
        raise ConfigError(
            "Expected `settings` and `training` with `alignment` only: they say how its model is trained."
        )
    science = plain_of(domain)
    loaded: LoadedModel | None = None
    scorer: VariantScorer | None
    names: VariantNames
    if wild_type is None:
        folder = model if alignment is None else family_model(domain, alignment, resources, log, **made_by)
        loaded = _load(domain, folder, resources)
        assert loaded.recipe.family is not None  # `_load` looked
        scorer = loaded.recipe.family.scorer(loaded.model, loaded.representation)
        if scorer is None and (classify or not predictors):
            raise ConfigError(
                f"Expected a family's model, trained on an alignment; {loaded.folder} learned from measured variants, "
                "which tell effects by a predictor. Train one (`train predictor`) and pass `predictors`."
            )
        names = variants_of(science).names(loaded.reference) if scorer is None else scorer.names
    else:
        scorer, names = None, variants_of(science).names(reference_of(science, wild_type))
    use_threads(resources.threads)
    singles = scorer or names
    total = len(singles.all_singles()) if variants == ALL_SINGLES else None
    if classify:
        log("scoring all single substitutions, from which the classes follow")
    scoring = VariantScoring(
        domain, scorer, names, variant_rows(variants, singles, science, column), predictors or {},
        variants_of(science).classes if classify else None, None if loaded is None else str(loaded.folder), total,
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
            "Expected an alignment or a model trained on one (`alignment` or `model`), or `wild_type` with "
            "`predictors`, and one of them only."
        )
    if wild_type is not None and (classify or not predictors):
        raise ConfigError("Expected `predictors`, and no `classify`, with `wild_type`: no family scores the variants.")


def check_variants(domain: str, variants: str | Path | Sequence[str], classify: bool) -> None:
    """An error for variants that are no file, and for classes that the domain doesn't know."""
    known = plain_of(domain).variants
    if classify and (known is None or known.classes is None):
        raise ConfigError(f"Expected a domain with classes of variants (proteins), {domain} has none.")
    if isinstance(variants, str | Path) and variants != ALL_SINGLES and not Path(variants).is_file():
        raise DataError(f"Expected {ALL_SINGLES} or a file of variants, found no file '{variants}'.")


def check_family(recipe: Recipe, model: str) -> None:
    if recipe.family is None:
        raise ConfigError(f"Expected a model of a family, {model} is of recipe '{recipe.name}'.")


def _load(domain: str, folder: str | Path | None, resources: Resources) -> LoadedModel:
    """The family's model."""
    loaded = load_model(domain, folder, resources.device)
    check_family(loaded.recipe, str(loaded.folder))
    return loaded

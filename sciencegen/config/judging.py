"""Settings of evaluations, predictions and scores."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sciencegen.config.base import ITEM_TIMEOUT_S, Resources, Settings
from sciencegen.config.search import ProgramSettings


class EvaluateSettings(Resources):
    """against: a dataset card and its split, `set/test`, a file, or a folder of files. form: the form of the items to
    evaluate, such as "structures" of molecules; without it, a folder in `against` that only a form reads has this form.

    calibrate: property -> values that are requested of `model`; each is compared with `draws` raw draws.
    predictors: name -> folder, for conditions that the domain can't compute.
    """

    against: str | None = None
    form: str = ""
    training: str | None = None
    limit: int | None = Field(None, ge=1)
    offline: bool = False
    model: str | None = None
    calibrate: dict[str, tuple[float, ...]] = {}
    draws: int = Field(512, ge=1)
    predictors: dict[str, str] = {}


class PredictSettings(Resources):
    """wild_type: the reference of rows that are named as its variants, as text or a file. column: the item's column.
    timeout_s: longest time for one item, in seconds."""

    wild_type: str | None = None
    column: str | None = None
    timeout_s: float = Field(ITEM_TIMEOUT_S, gt=0)


class ScoreSettings(PredictSettings):
    """names: properties and oracles; by default all properties, or with `model` its scores. predictors: name ->
    folder. model: a model whose oracles can be used (galaxies: anomaly). cache: as in `OptimizeSettings`.
    """

    names: tuple[str, ...] = ()
    predictors: dict[str, str] = {}
    model: str | None = None
    cache: str | None = None


class SequencesSettings(Resources):
    """n: sequences of each item. temperature: of their draws. keep_positions: numbers of residues whose letters in the
    file stay, such as "10-20,35"; "known" keeps all that the file knows.
    oracles: programs. `design` draws the sequences, in place of the domain's own network: it reads one item and writes
    plain items. `fold` predicts structures: it reads plain items and writes a file or a folder of structures.
    alignment, model: of a family, whose scores are added; a model of the alignment is trained first. column: the item's
    column of a table. timeout_s: longest time for the draws of one item, in seconds, unless a program draws.
    """

    n: int = Field(8, ge=1)
    temperature: float = Field(0.1, gt=0)
    keep_positions: str = ""
    oracles: dict[Literal["design", "fold"], ProgramSettings] = {}
    alignment: str | None = None
    model: str | None = None
    column: str | None = None
    timeout_s: float = Field(600.0, gt=0)


class VariantScoringSettings(Resources):
    """alignment: of a family, on which a model is trained first; model: a trained one instead. wild_type: the reference
    of the variants, if only predictors (name -> folder) score them. column: of the variants' names. classify: add the
    domain's classes, which depend on the scores of all single changes. structure: a file, optionally with a chain, that
    the domain combines with the family's scores. settings, training: of the alignment's model,
    such as {members: 1} and {steps: 300}.
    """

    alignment: str | None = None
    model: str | None = None
    wild_type: str | None = None
    predictors: dict[str, str] = {}
    column: str | None = None
    classify: bool = False
    structure: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}


class VariantsSettings(Settings):
    """variants: whose effects a family's model predicts: "all-singles", or a file. classify: whether to add classes.
    structure: a file of a structure to combine with them."""

    variants: str = "all-singles"
    classify: bool = False
    structure: str | None = None

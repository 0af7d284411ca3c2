"""Settings of preparing data and of training models and predictors."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sciencegen.config.base import FamilyMeasurements, Reading


class PrepareSettings(Reading, FamilyMeasurements):
    """source: a file, or a dataset card's name, which may end in its split: `moses/train`.
    columns: numeric columns of the file that become properties too; by default all of them.
    fractions: how a file, or a dataset without several splits, is divided, such as {train: 0.9, test: 0.1}; by default
        it is not divided.
    split_by: a column of numbers, such as a position, by whose order the fractions are cut: the rows with the lowest
        values are the first split. By default an item's split is random. split_gap: rows of a split that are nearer
        than this to the next one are left out, in the column's unit.
    form: the form of the items to read, such as "structures" of molecules; by default the domain's standard form.
    """

    source: str | None = None
    column: str | None = None
    properties: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    fractions: dict[str, float] = {}
    split_by: str | None = None
    split_gap: float = Field(0.0, ge=0)
    form: str = ""


class TrainSettings(Reading, FamilyMeasurements):
    """model: use these weights (a shipped name or a run folder) unchanged, instead of training.
    from_model: continue training from these weights. recipe, settings: the network, and its settings.
    training: settings of the training (steps, learning rate ...): `training.TrainingSettings`.
    finish: settings of what is fitted after the weights, such as a prior over the latents (steps).
    conditions: the properties that the model is conditioned on; None means those of the recipe.
    distill: distill the diffusion `from_model` to this number of sampling steps, by repeated halving; each halving is
    trained for `training`'s steps. teacher_steps: number of DDIM steps before the first halving; None means those of
    the model's own sampling, or twice that if it uses another sampler.
    """

    model: str | None = None
    from_model: str | None = Field(None, alias="from")
    recipe: str | None = None
    conditions: tuple[str, ...] | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    finish: dict[str, Any] = {}
    distill: int | None = Field(None, ge=1)
    teacher_steps: int | None = Field(None, ge=2)


class PredictorSettings(Reading):
    """A property regressor. table: a file, or a dataset card's name (all its rows), which may end in its split.
    target: the column of numbers to predict. model: its latents can be used as inputs (settings: {inputs: both}); its
        scores are used if it has any (a model of a protein family).
    evaluation_folds, evaluation_repeats: of the cross-validation, whose metrics are written to metrics.json.
    form: of the items that networks take (such as "structures" of molecules). Then table may also be a prepared
    dataset, target may be several columns `a,b,c`, and settings are members, held_out, level, network, training.
    """

    table: str
    target: str
    form: str = ""
    column: str | None = None
    model: str | None = None
    split: str | None = None
    evaluation_folds: int = Field(5, ge=2)
    evaluation_repeats: int | None = Field(2, ge=1)
    settings: dict[str, Any] = {}

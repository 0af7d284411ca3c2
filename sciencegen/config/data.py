"""Settings of data: preparing, training, cutting out, compressing."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sciencegen.config.base import (
    COLUMN,
    MODEL_SETTINGS,
    NO_FLAG,
    THREADS,
    TRAINING,
    Column,
    FamilyMeasurements,
    Flag,
    ModelSettings,
    Reading,
    Settings,
)

# Settings of preparing data and of training models and predictors.


class PrepareSettings(Reading, FamilyMeasurements):
    """Settings of `prepare`."""

    sample: Annotated[bool | None, Flag("--sample/--full")] = Field(
        None,
        description="Use the small sample that is included, or the full dataset. [default: full, if it is downloaded]",
    )
    limit: int | None = Field(None, ge=1, description="Read only the first N rows, of a dataset those of each split.")
    offline: bool = Field(False, description="Use only files that are already on this machine.")
    source: str | None = Field(
        None, description="A file, or a dataset's name, or one of its splits, such as moses/train."
    )
    column: Column = COLUMN
    properties: Annotated[tuple[str, ...] | None, Flag("--with", commas=True)] = Field(
        None, description="Properties to compute, a,b,c. [default: all]"
    )
    columns: Annotated[tuple[str, ...], Flag(commas=True)] = Field(
        (), description="Numeric columns to keep, a,b,c. [default: all]"
    )
    fractions: Annotated[dict[str, float], NO_FLAG] = Field(
        {},
        description="Shares of the splits of a file, or of a dataset without several splits, such as {train: 0.9, "
        "test: 0.1}. [default: it is not divided]",
    )
    split_by: Annotated[str | None, NO_FLAG] = Field(
        None,
        description="A column of numbers, such as a position, by whose order the shares are cut: the rows with the "
        "lowest values are the first split. [default: an item's split is random]",
    )
    split_gap: Annotated[float, NO_FLAG] = Field(
        0.0,
        ge=0,
        description="Rows of a split that are nearer than this to the next one, in the unit of that column, are left "
        "out.",
    )
    form: str = Field(
        "", description='The form of items to use: "structures" of molecules. [default: the domain\'s own]'
    )


class TrainSettings(Reading, FamilyMeasurements):
    """Settings of `train`."""

    model: Annotated[str | None, NO_FLAG] = Field(
        None, description="Use these weights unchanged, instead of training: a shipped name or a folder."
    )
    from_model: Annotated[str | None, Flag("--from")] = Field(
        None, alias="from", description="Fine-tune these weights: a shipped name or a folder."
    )
    recipe: str | None = Field(None, description="Kind of model. [default: the domain's own]")
    conditions: Annotated[tuple[str, ...] | None, Flag("--condition", "--conditions", commas=True)] = Field(
        None, description="Properties and columns to condition on, a,b,c. [default: the recipe's]"
    )
    settings: ModelSettings = MODEL_SETTINGS
    training: dict[str, Any] = TRAINING
    finish: Annotated[dict[str, Any], NO_FLAG] = Field(
        {}, description="Settings (steps) of what is fitted after the weights, such as a prior over the latents."
    )
    distill: int | None = Field(
        None,
        ge=1,
        description="Distill the diffusion model of --from to this many steps, such as 8, by repeated halving; the "
        "steps of --training are those of each halving.",
    )
    teacher_steps: Annotated[int | None, NO_FLAG] = Field(
        None,
        ge=2,
        description="Number of DDIM steps before the first halving. [default: those of the model's own sampling, or "
        "twice that if it uses another sampler]",
    )


class PredictorSettings(Reading):
    """Settings of a property regressor."""

    table: str = Field(
        description="A table with columns of items and of the target, a dataset's name (with or without a split), or, "
        "with --form, a prepared folder."
    )
    target: str = Field(description="The column to predict; with --form structures also a,b,c.")
    form: str = Field(
        "",
        description='The form of items to use: "structures" of molecules. Neural networks then predict from '
        "coordinates; their settings are members, held_out, level, network and training. [default: the domain's own]",
    )
    column: Column = COLUMN
    model: str | None = Field(
        None,
        description="A model whose latents or scores are inputs: a shipped name or a folder. Scores are by default, "
        "latents with inputs=both in --set.",
    )
    split: str | None = Field(
        None,
        description="How held-out items differ from training items in the evaluation: random, grouped, low-high, "
        "scaffold (molecules), positions or mutations (proteins). [default: grouped where groups are small]",
    )
    evaluation_folds: Annotated[int, NO_FLAG] = Field(
        5, ge=2, description="Folds of the cross-validation that the metrics report."
    )
    evaluation_repeats: Annotated[int | None, NO_FLAG] = Field(2, ge=1, description="Its repeats; none: no evaluation.")
    settings: Annotated[dict[str, Any], Flag("--set")] = Field(
        {}, description="A setting of the regressor, name=value. Repeatable."
    )


# Settings of `compress` and `decompress`.


class CompressSettings(Settings):
    """Settings of `compress`."""

    quantize: float | None = Field(
        None,
        gt=0,
        description="Lose at most the noise divided by twice this: 16 keeps steps of a sixteenth of the noise. "
        "[default: lose nothing]",
    )
    noise: float | None = Field(
        None,
        gt=0,
        description="For --quantize: standard deviation of the noise, in the images' unit. [default: estimated for "
        "each band]",
    )
    threads: int = THREADS


class DecompressSettings(Settings):
    """Settings of `decompress`."""

    partial: bool = Field(
        False, description="Restore what is whole of a damaged file, with zeros or NaN (floats) elsewhere."
    )
    threads: int = THREADS


# Settings of `cutout`.


class CutoutSettings(Settings):
    """Settings of `cutout`."""

    side: int = Field(64, ge=1, description="Pixels on a side.")
    pixel_scale: float | None = Field(
        None,
        gt=0,
        description="Resample to pixels of this scale (arcsec), with the flux conserved. [default: the image's]",
    )
    bands: Annotated[tuple[str, ...], Flag("--bands", commas=True)] = Field(
        (), description="Bands of the image to take, g,r,i. [default: all]"
    )
    extension: str | None = Field(
        None, description="Name or number of the image's HDU. [default: SCI, or the first image]"
    )
    psf: str | None = Field(
        None, description="A FITS file with the PSF's image. [default: the extension PSF, if there is one]"
    )
    psf_fwhm: float | None = Field(None, gt=0, description="FWHM of a round Gaussian PSF, in arcsec.")
    variance: str | None = Field(
        None,
        description="A FITS file with the noise's variance, in the image's unit squared. [default: an extension "
        "VARIANCE, IVAR or ERR, else the scatter at each stamp's edge]",
    )
    segments: str | None = Field(
        None,
        description="A FITS file with the numbers of sources, 0 for the sky. [default: an extension SEG, else sources "
        "are found in each stamp]",
    )
    neighbours: bool = Field(False, description="Leave neighbours unmasked.")
    sky: bool = Field(False, description="Subtract the median at each stamp's edge.")
    first_pixel: int | None = Field(
        None,
        ge=0,
        le=1,
        description="Number of the first pixel in the catalogue, 0 or 1. [default: 1; 0 for xcentroid]",
    )
    limit: int | None = Field(None, ge=1, description="Only the first rows of the catalogue. [default: all]")

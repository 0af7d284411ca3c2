"""Settings of draws, latents and maps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sciencegen.config.base import BuildingBlocks, Reading, Resources, Settings


class GenerateSettings(Resources, BuildingBlocks):
    """n: distinct accepted items, or exactly this many draws if raw. attempts: draws allowed for each requested item;
    None means 50, and 1,000 in all at least.
    noise_scale: factor of the latent noise that items are drawn from. (A recipe's setting `temperature` scales the
    decoder's distribution instead, and is part of the trained model.) With a condition, items are drawn until one is
    close to it, and noise_scale affects only the first draw. raw: keep malformed items too (with a condition, the model
    skips them anyway). plausible: leave out items that can't be expected to exist (molecules: with groups that
    decompose or react), unless raw. include: further properties to write. complete: a model that generates the
    structures of the items; by default the one named in the model's config, if any. core: a part that every item
    contains, with attachment points for what is drawn (molecules). scaffold: a file with a part that every item
    contains, with unchanged coordinates in structures. contigs: of protein backbones, which residues of the scaffold,
    and how many free ones around them (10-40,A163-181,10-40). vary: a file of items, of which each draw varies one, by
    partial diffusion from noise_level: above 0 (no change) to 1 (nothing is left); None means 0.3. symmetry: of
    assemblies of equal chains, such as C3. predictors: name -> folder, for conditions and further properties that the
    domain can't compute. noise_free: write items without the effects of the training data's instrument (galaxies:
    without PSF and noise). Conditions are always checked without noise. sampler, steps, guidance: sampling of a
    diffusion model, if not by its defaults; also for the model of `complete`. step_noise: factor on the noise that its
    random sampler adds at each step. tries: most draws that a model of sequences decodes for each item under a
    condition, of which it keeps the nearest. steer: goals of the draws. best_of: draws per item, of which the best by
    `steer` is kept, or without `steer` the nearest to `where`. particles: per draw of a diffusion model, resampled at
    every step by how well their estimates meet `steer` (Feynman-Kac steering); None means 8 if only `steer` is given.
    strength: of the steering, in nats for the whole range of a goal's property. With `blocks`, a draw that can't be
    made is replaced by the most similar item found that can be made and meets the request.
    """

    n: int = Field(1000, ge=1)
    model: str | None = None
    where: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    raw: bool = False
    plausible: bool = True
    attempts: int | None = Field(None, ge=1)
    noise_scale: float = Field(1.0, gt=0)
    complete: str | None = None
    core: str | None = None
    scaffold: str | None = None
    contigs: str | None = None
    vary: str | None = None
    noise_level: float | None = Field(None, gt=0, le=1)
    symmetry: str | None = None
    noise_free: bool = False
    predictors: dict[str, str] = {}
    sampler: str | None = None
    steps: int | None = Field(None, ge=1)
    guidance: float | None = Field(None, ge=0)
    step_noise: float | None = Field(None, ge=0)
    tries: int | None = Field(None, ge=1)
    steer: tuple[str, ...] = ()
    best_of: int = Field(1, ge=1)
    particles: int | None = Field(None, ge=1)
    strength: float = Field(10.0, gt=0)


class ReplaySettings(Settings):
    """threads: CPU cores to use; 0 is every core. The other resources are those of the record. run_programs: whether
    the programs and functions that the record names may run."""

    threads: int = Field(0, ge=0)
    run_programs: bool = False


class EncodeSettings(Resources):
    """model: by default the domain's shipped one. column: the item's column of a file."""

    model: str | None = None
    column: str | None = None


FEWEST_SAMPLES = 19
"""Samples that a 90% interval needs: a further one lies between the least and the greatest of 19 with 18 / 20."""


class RestoreSettings(Resources):
    """model: by default the domain's shipped one. samples: of the posterior, for each item; 90% intervals need at least
    19. names: properties measured of the samples; by default the domain's choice. keep_samples: give each sample
    instead of their mean. column: the item's column of a file."""

    model: str | None = None
    samples: int = Field(FEWEST_SAMPLES, ge=FEWEST_SAMPLES, le=1000)
    names: tuple[str, ...] = ()
    keep_samples: bool = False
    column: str | None = None


class DecodeSettings(Resources):
    """model: the one that made the latents; by default the domain's shipped one. where: conditions of the decoder."""

    model: str | None = None
    where: tuple[str, ...] = ()


class InterpolateSettings(Resources):
    """model: by default the domain's shipped one. include: properties of the interpolated items."""

    model: str | None = None
    include: tuple[str, ...] = ()


class MapSettings(Reading):
    """The latent map of items. data: a file of items, a dataset's name, a prepared folder, or an .npz file of `encode`;
    None means draws of the model, as many as `limit` says, 1,000 by default.
    model: by default the domain's shipped one. column: the item's column of a file.
    include: properties of the items to compute. colour_by: a property, or a column of the file.
    along: whether the first axis is the direction in which the values of `colour_by` grow; else the map is the plane of
    largest variance. projection: "pca" for these planes, or "umap", which keeps neighbours together instead.
    """

    data: str | None = None
    model: str | None = None
    column: str | None = None
    include: tuple[str, ...] = ()
    colour_by: str | None = None
    along: bool = False
    projection: Literal["pca", "umap"] = "pca"

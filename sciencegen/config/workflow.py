"""Settings of reports and of whole runs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sciencegen.config.base import Device, Settings
from sciencegen.config.drawing import GenerateSettings
from sciencegen.config.judging import EvaluateSettings, VariantsSettings
from sciencegen.config.rounds import ProposeSettings
from sciencegen.config.search import OptimizeSettings
from sciencegen.config.training import PredictorSettings, PrepareSettings, TrainSettings


class ReportSettings(Settings):
    """colour_by: the colours of training items on the latent map: one of their numbers; a label that the domain reads
    from their names (proteins: `taxon`); or a table with the columns `name` and a label."""

    title: str | None = None
    colour_by: str | None = None
    candidates: int = Field(100, ge=1)


class RunSettings(Settings):
    """One workflow: a section for each verb. `name` is the folder in `results/<domain>/`.

    structures: the ending of the candidates' structure file, such as .sdf; None writes tables only. complete: a second
    model of the same source, which generates structures of candidates; by default the domain makes them. propose: the
    next plate for a lab. variants: their effects by the trained model and predictors, for models of a family. gpus:
    number of GPUs of a training; other steps use one at most. container: the image of steps with `--sdm apptainer`.
    """

    domain: str
    name: str = "default"
    results: str = "results"
    structures: str | None = None
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    gpus: int = Field(0, ge=0)
    container: str | None = None
    prepare: PrepareSettings = PrepareSettings()
    train: TrainSettings = TrainSettings()
    complete: TrainSettings | None = None
    generate: GenerateSettings = GenerateSettings()
    predict: dict[str, PredictorSettings] = {}
    optimize: OptimizeSettings = OptimizeSettings()
    variants: VariantsSettings | None = None
    propose: ProposeSettings | None = None
    evaluate: EvaluateSettings = EvaluateSettings()
    report: ReportSettings = ReportSettings()

    @property
    def folder(self) -> Path:
        return Path(self.results) / self.domain / self.name

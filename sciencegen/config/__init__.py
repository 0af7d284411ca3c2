"""Strict settings of every verb. An unknown key is an error that names the most similar one.

A verb's settings are one record; a workflow's config file has one section for each verb. Defaults are defined only
here: a flag that is not given on the command line is left out.
"""

from __future__ import annotations

from sciencegen.config.base import (
    COMPUTE_CHUNK,
    CPU_CHUNK,
    DEFAULT_RESOURCES,
    ITEM_TIMEOUT_S,
    NO_FLAG,
    TEXTS,
    BuildingBlocks,
    Device,
    FamilyMeasurements,
    Flag,
    Reading,
    Resources,
    Settings,
    WellLayout,
    as_texts,
    flags_of_field,
    kind_of,
    own_first,
)
from sciencegen.config.compression import CompressSettings, DecompressSettings
from sciencegen.config.cutout import CutoutSettings
from sciencegen.config.drawing import (
    FEWEST_SAMPLES,
    DecodeSettings,
    EncodeSettings,
    GenerateSettings,
    InterpolateSettings,
    MapSettings,
    ReplaySettings,
    RestoreSettings,
)
from sciencegen.config.judging import (
    EvaluateSettings,
    PredictSettings,
    ScoreSettings,
    SequencesSettings,
    VariantScoringSettings,
    VariantsSettings,
)
from sciencegen.config.reading import LARGEST_CONFIG, Record, build_settings, read_settings
from sciencegen.config.rounds import BacktestSettings, ProposeSettings, RecordSettings
from sciencegen.config.search import BenchmarkSettings, OptimizeSettings, OracleSettings, ProgramSettings
from sciencegen.config.training import PredictorSettings, PrepareSettings, TrainSettings
from sciencegen.config.workflow import ReportSettings, RunSettings

__all__ = [
    "COMPUTE_CHUNK",
    "CPU_CHUNK",
    "DEFAULT_RESOURCES",
    "FEWEST_SAMPLES",
    "ITEM_TIMEOUT_S",
    "LARGEST_CONFIG",
    "NO_FLAG",
    "TEXTS",
    "BacktestSettings",
    "BenchmarkSettings",
    "BuildingBlocks",
    "CompressSettings",
    "CutoutSettings",
    "DecodeSettings",
    "DecompressSettings",
    "Device",
    "EncodeSettings",
    "EvaluateSettings",
    "FamilyMeasurements",
    "Flag",
    "GenerateSettings",
    "InterpolateSettings",
    "MapSettings",
    "OptimizeSettings",
    "OracleSettings",
    "PredictSettings",
    "PredictorSettings",
    "PrepareSettings",
    "ProgramSettings",
    "ProposeSettings",
    "Reading",
    "Record",
    "RecordSettings",
    "ReplaySettings",
    "ReportSettings",
    "Resources",
    "RestoreSettings",
    "RunSettings",
    "ScoreSettings",
    "SequencesSettings",
    "Settings",
    "TrainSettings",
    "VariantScoringSettings",
    "VariantsSettings",
    "WellLayout",
    "as_texts",
    "build_settings",
    "flags_of_field",
    "kind_of",
    "own_first",
    "read_settings",
]  # fmt: skip

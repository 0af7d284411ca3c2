"""Property regressors with calibrated intervals and a domain of applicability."""

from sciencegen.prediction.evaluation import EvaluationPlan, HeldOutEvaluation, evaluate_predictor
from sciencegen.prediction.fitting import fit_predictor
from sciencegen.prediction.predictor import Prediction, Predictor, PredictorOracle, PredictorSettings
from sciencegen.prediction.storage import load, save
from sciencegen.prediction.training_tables import TrainingTables

__all__ = [
    "EvaluationPlan",
    "HeldOutEvaluation",
    "Prediction",
    "Predictor",
    "PredictorOracle",
    "PredictorSettings",
    "TrainingTables",
    "evaluate_predictor",
    "fit_predictor",
    "load",
    "save",
]

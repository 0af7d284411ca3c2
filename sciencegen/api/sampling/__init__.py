"""Sampling from a model: the request and its checks, drawing, evaluation of draws, ranking, and calibration."""

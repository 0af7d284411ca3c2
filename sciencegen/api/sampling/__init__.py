"""Draws of a model: the request and its checks, drawing, judging, ranking, and calibration."""

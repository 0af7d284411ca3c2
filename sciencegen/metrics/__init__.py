"""Metrics of numbers, tables, images and sets of items: errors, calibration, distances, coverage, diversity."""

"""Lossless and near-lossless coding of images by a learned predictor and range coding, in exact integer arithmetic."""

"""Trained models as folders, the data that they are trained on, and what a training will do."""

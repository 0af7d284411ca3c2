"""Trained models as folders, their training data, and plans of trainings."""

"""Property predictors: what they see of items, how they are trained, and their folders."""

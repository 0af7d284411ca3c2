"""Property predictors: their inputs, training and folders."""

"""Neural networks on vectors, sequences, images and points, used by models and predictors."""

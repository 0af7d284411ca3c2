"""Neural networks on vectors, sequences, images and points, of which models and predictors are built."""

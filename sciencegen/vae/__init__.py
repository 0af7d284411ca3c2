"""Variational autoencoders: bounds, posteriors, priors and likelihoods, and a model for each kind of data."""

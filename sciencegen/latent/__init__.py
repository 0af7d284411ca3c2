"""Latent spaces: the protocol that models satisfy, their noise and geometry, and `LatentSpace` to explore them."""

"""The variational autoencoder of images observed with an instrument, and the priors of its latents."""

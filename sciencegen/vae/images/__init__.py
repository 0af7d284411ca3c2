"""The variational autoencoder of images seen through an instrument, and the priors of its latents."""

"""The variational autoencoder of vectors of numbers, some of which may be missing."""

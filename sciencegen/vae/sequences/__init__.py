"""The variational autoencoder of token sequences, with an autoregressive decoder."""

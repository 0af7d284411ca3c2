"""The variational autoencoder of aligned rows, and how measured values of variants enter it."""

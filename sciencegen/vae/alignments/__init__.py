"""The variational autoencoder of aligned rows, and its use of values measured for variants."""

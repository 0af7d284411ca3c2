"""Where items come from: files, dataset cards, prepared datasets, families with measurements, and simulations."""

"""What workers of many tests import. Here the process from which they are forked does it, once for all: a worker is new
for each call of a verb, and would import it anew."""

import gc
from contextlib import suppress
from importlib import import_module

for name in (
    "Bio.PDB", "astropy.coordinates", "astropy.io.fits", "astropy.table", "astropy.wcs", "galsim", "h5py", "pandas",
    "pyarrow.parquet", "rdkit.Chem.AllChem", "scipy.interpolate", "scipy.optimize", "scipy.stats", "zarr",
    "sciencegen.vae.array_vae",
):  # fmt: skip
    with suppress(ImportError):
        import_module(name)
gc.freeze()  # a worker's collections don't write to, and so copy, the pages that it shares

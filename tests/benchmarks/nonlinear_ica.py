"""Sources that were mixed by a network: an identifiable VAE beside a plain VAE and linear ICA, where they are known.

    python -m tests.benchmarks.nonlinear_ica -o nonlinear-ica

Five sources in 40 segments of 1,000 rows (`tests.domains.tables.segments`), as in Khemakhem et al. (2020). The
identifiable VAE is `array-vae` with the segment as its condition, on which the scales of the prior depend, and whose
decoder doesn't read it; "diagonal" has a posterior without covariances, as in that paper. The plain VAE has the same
networks and steps, and sees no segment. The figure is the mean correlation coefficient (MCC) of the sources and the
means of the posterior, on the rows that were learned from, since no model sees sources.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import FastICA

import sciencegen as sg
from tests.domains.tables.segments import mean_correlation, mixed

COLUMNS = 5
NETWORKS = {
    "latent": COLUMNS, "width": 64, "noise": 0.05, "direct": True, "beta": {}, "flow_layers": 0, "decoder_noise": False,
    "likelihoods": {f"x{at}": "gaussian" for at in range(COLUMNS)},
}  # fmt: skip
IDENTIFIABLE = {"prior": "conditional_scale", "decoder_condition": False}
MODELS = {
    "identifiable": {**IDENTIFIABLE, "posterior": "full_covariance"},
    "diagonal": IDENTIFIABLE,
    "plain": {"posterior": "full_covariance"},
}
TRAINING = {"batch_size": 512, "learning_rate": 5e-3, "warmup_steps": 100, "ema_decay": 0.99, "weight_decay": 0.0}


def encoded(folder: Path, name: str, steps: int, seed: int) -> np.ndarray:
    """The means of the posterior of the rows in `<name>.npz`."""
    identifiable, table = name != "plain", folder / ("plain.npz" if name == "plain" else "segments.npz")
    sg.train(
        "arrays", table, folder=folder / f"run-{name}", seed=seed, threads=1, settings={**NETWORKS, **MODELS[name]},
        conditions=["segment"] if identifiable else [], training={"steps": steps, **TRAINING},
    )  # fmt: skip
    found = sg.encode("arrays", table, model=str(folder / f"run-{name}"), threads=1)
    return found.inferred["sources"] if identifiable else found.latent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--segments", type=int, default=40)
    parser.add_argument("--rows", type=int, default=1000, help="of a segment")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--layers", type=int, default=2, help="of the network that mixes")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("-o", dest="folder", default="nonlinear-ica", help="of tables and models")
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        sources, x, segment = mixed(chosen.segments, chosen.rows, COLUMNS, chosen.layers, seed)
        folder = Path(chosen.folder) / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "segments.npz", x=x, segment=np.array([f"s{one:02d}" for one in segment]))
        np.savez(folder / "plain.npz", x=x)
        linear = FastICA(COLUMNS, whiten="unit-variance", random_state=seed, max_iter=1000).fit_transform(x)
        print(f"seed {seed}, linear ICA: MCC {mean_correlation(sources, linear):.3f}", flush=True)
        for name in chosen.models:
            mcc = mean_correlation(sources, encoded(folder, name, chosen.steps, seed))
            print(f"seed {seed}, {name} VAE: MCC {mcc:.3f}", flush=True)


if __name__ == "__main__":
    main()

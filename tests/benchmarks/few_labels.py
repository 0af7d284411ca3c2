"""Digits with few labels: a classifier on latents of `array-vae` beside the same classifier on pixels.

    python -m tests.benchmarks.few_labels --share 0.01 0.05 -o few-labels

The digits are scikit-learn's (1,797 of 8 x 8 pixels), of which 397 are held out. The VAE learns the pixels of the
others without their labels (model M1 of Kingma et al. 2014). Of a share of these, equally many of each digit, the label
is known. The classifier is a logistic regression with its penalty chosen by cross-validation, on the standardized
latents or pixels of the rows with labels.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sciencegen as sg

HELD_OUT = 397
STEPS, ROWS = 2000, 128


def tables(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels [row pixel] and digits of the training rows, and of those held out."""
    digits, order = load_digits(), np.random.default_rng(seed).permutation(1797)
    varied = digits.data[order[HELD_OUT:]].std(0) > 0
    pixels, label = digits.data[order][:, varied].astype(np.int64), digits.target[order]
    return pixels[HELD_OUT:], label[HELD_OUT:], pixels[:HELD_OUT], label[:HELD_OUT]


def labelled(label: np.ndarray, share: float) -> np.ndarray:
    """Places of the first rows of each digit, a share of all."""
    count = math.ceil(share * len(label) / 10)
    return np.concatenate([np.flatnonzero(label == digit)[:count] for digit in range(10)])


def accuracy(features: np.ndarray, label: np.ndarray, known: np.ndarray, held: np.ndarray, truth: np.ndarray) -> float:
    """Of the classifier, on the rows held out."""
    folds = min(5, len(known) // 10)
    classifier = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=8, cv=folds, max_iter=5000))
    return float(np.mean(classifier.fit(features[known], label[known]).predict(held) == truth))


def latents(folder: Path, name: str) -> np.ndarray:
    return sg.encode("arrays", folder / f"{name}.npz", model=str(folder / "run"), threads=1).latent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--share", type=float, nargs="+", default=[0.01, 0.05])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "-o", dest="folder", default="few-labels", help="of tables and models; a killed training goes on"
    )
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        folder = Path(chosen.folder) / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        pixels, label, held, truth = tables(seed)
        np.savez(folder / "train.npz", x=pixels)
        np.savez(folder / "test.npz", x=held)
        likelihoods = {f"x{at}": "discretized_logistic" for at in range(pixels.shape[1])}
        sg.train(
            "arrays", folder / "train.npz", folder=folder / "run", seed=seed, threads=1,
            settings={"likelihoods": likelihoods, "latent": 16, "flow_layers": 0, "decoder_noise": False},
            training={"steps": STEPS, "batch_size": ROWS},
        )  # fmt: skip
        learned, of_held = latents(folder, "train"), latents(folder, "test")
        for share in chosen.share:
            known = labelled(label, share)
            found = accuracy(learned, label, known, of_held, truth), accuracy(pixels, label, known, held, truth)
            print(f"seed {seed}, {len(known)} labels: latents {found[0]:.1%}, pixels {found[1]:.1%}", flush=True)


if __name__ == "__main__":
    main()

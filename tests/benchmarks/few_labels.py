"""Digits with few labels: semi-supervised VAEs and a classifier on latents, beside the same classifier on pixels.

    python -m tests.benchmarks.few_labels --share 0.01 0.05 -o few-labels

The digits are scikit-learn's (1,797 of 8 x 8 pixels from 0 to 16), of which 397 are held out. Of a share of the others,
equally many of each digit, the label is known. The models are those of Kingma et al. (2014): M1 is a VAE of all pixels
without labels, and a logistic regression on its latents; M2 is a VAE of pixels whose condition is the digit, as one-hot
codes, with a classifier q(y | x) that also learns from rows without a label; M1+M2 is M2 of M1's latents. The logistic
regression has its penalty chosen by cross-validation, and reads standardized latents or pixels of the rows with labels.
M2 and M1+M2 have fewer steps than M1, since theirs sum over ten digits: each training takes equal time.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sciencegen as sg

HELD_OUT = 397
STEPS, LABELLED_STEPS, ROWS = 2000, 600, 128
PLAIN = {"latent": 16, "flow_layers": 0, "decoder_noise": False}
LATENTS = {**PLAIN, "latent": 8}


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


def of_features(features: np.ndarray, label: np.ndarray, known: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The digits of the rows held out, by the logistic regression."""
    folds = min(5, len(known) // 10)
    classifier = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=8, cv=folds, max_iter=5000))
    return classifier.fit(features[known], label[known]).predict(held)


def trained(
    folder: Path, name: str, x: np.ndarray, seed: int, steps: int, settings: Mapping[str, Any], **more: Any
) -> str:
    """The folder of a VAE of `x` [row column], and of the further columns `more`."""
    np.savez(folder / f"{name}.npz", x=x, **more)
    sg.train(
        "arrays", folder / f"{name}.npz", folder=folder / f"run-{name}", seed=seed, threads=1, settings=settings,
        conditions=list(more), training={"steps": steps, "batch_size": ROWS},
    )  # fmt: skip
    return str(folder / f"run-{name}")


def latents(folder: Path, name: str, x: np.ndarray, model: str) -> np.ndarray:
    np.savez(folder / f"{name}.npz", x=x)
    return sg.encode("arrays", folder / f"{name}.npz", model=model, threads=1).latent


def inferred(
    folder: Path, name: str, x: np.ndarray, label: np.ndarray, known: np.ndarray, held: np.ndarray, seed: int,
    settings: Mapping[str, Any],
) -> np.ndarray:  # fmt: skip
    """The digits of the rows held out, by q(y | x) of a model whose condition is the digit."""
    digit = np.full(len(label), "", "U2")
    digit[known] = [f"d{one}" for one in label[known]]
    own = {
        "semi_supervised": True,
        "label_weight": len(label) / len(known),
        "dropout": {"everything": 0.0, "some": 0.0},
    }
    model = trained(folder, name, x, seed, LABELLED_STEPS, {**settings, **own}, digit=digit)
    np.savez(folder / f"{name}-test.npz", x=held)
    names = [f"inferred_digit:d{one}" for one in range(10)]
    found = sg.score("arrays", folder / f"{name}-test.npz", names, model=model, threads=1)
    return found.table[names].to_numpy(float).argmax(1)


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
        counts = {"likelihoods": {f"x{at}": "poisson" for at in range(pixels.shape[1])}}
        reals = {"likelihoods": {f"x{at}": "gaussian" for at in range(PLAIN["latent"])}}
        started = time.process_time()
        model = trained(folder, "train", pixels, seed, STEPS, {**PLAIN, **counts})
        z, of_held = latents(folder, "train-again", pixels, model), latents(folder, "test", held, model)
        print(f"seed {seed}: M1 took {time.process_time() - started:.0f} CPU seconds", flush=True)
        for share in chosen.share:
            known = labelled(label, share)
            found = {"pixels": of_features(pixels, label, known, held), "M1": of_features(z, label, known, of_held)}
            started = time.process_time()
            data = label, known
            found["M2"] = inferred(folder, f"m2-{share:g}", pixels, *data, held, seed, {**PLAIN, **counts})
            took = time.process_time() - started
            found["M1+M2"] = inferred(folder, f"m12-{share:g}", z, *data, of_held, seed, {**LATENTS, **reals})
            shown = ", ".join(f"{name} {np.mean(one == truth):.1%}" for name, one in found.items())
            print(f"seed {seed}, {len(known)} labels: {shown}; M2 took {took:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main()

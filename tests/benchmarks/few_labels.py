"""Digits with few labels: the semi-supervised `array-vae` beside the same classifier on these labels alone.

    python -m tests.benchmarks.few_labels --share 0.01 0.05 -o few-labels

The digits are scikit-learn's (1,797 of 8 x 8 pixels); 397 are held out, and a share of the others keeps its label,
equally many of each digit. The classifier is the VAE's own: encoder and head, trained for as many steps on the labelled
rows. Beside both stands a logistic regression on these.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import sciencegen as sg
from sciencegen.api.models.folder import open_model
from sciencegen.config import ScoreSettings
from sciencegen.domains.tables.models import build

HELD_OUT = 397
STEPS, ROWS, RATE = 1500, 128, 2e-3


def table(share: float, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Columns x [row pixel] and label of the training rows, NaN where it isn't known, and of those held out."""
    digits, generator = load_digits(), np.random.default_rng(seed)
    order = generator.permutation(len(digits.target))
    pixels, label = digits.data[order][:, digits.data.std(0) > 0].astype(np.int64), digits.target[order].astype(float)
    held, rest = slice(0, HELD_OUT), slice(HELD_OUT, None)
    known = label[rest].copy()
    for digit in range(10):
        known[np.flatnonzero(known == digit)[max(1, round(share * len(known) / 10)) :]] = np.nan
    return {"train": {"x": pixels[rest], "label": known}, "test": {"x": pixels[held], "label": label[held]}}


def settings(columns: dict[str, np.ndarray], share: float) -> dict[str, object]:
    """Of the recipe: labelled rows together weigh a tenth as much in each step whatever their share."""
    pixels = {f"x{at}": "discretized_logistic" for at in range(columns["x"].shape[1])}
    labels = {"semi_supervised": True, "label_values": list(range(10)), "label_weight": 10 / share}
    return {**labels, "likelihoods": pixels, "latent": 16, "flow_layers": 0}


def rows_of(columns: dict[str, np.ndarray]) -> list[dict[str, int | None]]:
    """Rows as the domain's items, without their labels."""
    return [{**{f"x{at}": int(one) for at, one in enumerate(row)}, "label": None} for row in columns["x"]]


def classified_alone(folder: Path, tables: dict[str, dict[str, np.ndarray]], seed: int) -> np.ndarray:
    """Labels of the held-out rows by the model's encoder and head, trained on the labelled rows only."""
    loaded = open_model("arrays", str(folder), ScoreSettings(threads=1))
    fitted, known = loaded.representation, ~np.isnan(tables["train"]["label"])
    torch.manual_seed(seed)
    model = build(fitted, loaded.model.settings)
    items = [row for row, one in zip(rows_of(tables["train"]), known, strict=True) if one]
    batch = fitted.batch(fitted.encode(items), tables["train"]["label"][known][:, None])
    parts = [*model.vae.encoder.parameters(), *model.vae.inference.parameters()]
    optimizer = torch.optim.AdamW(parts, RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (-model.vae.inference.label_log_prob(model.vae.encoder(batch), batch.condition).mean()).backward()
        optimizer.step()
    held = fitted.batch(fitted.encode(rows_of(tables["test"])))
    labels = fitted.standardization
    return model.eval().infer_condition(held)[:, 0].numpy() * labels.std[0] + labels.mean[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--share", type=float, nargs="+", default=[0.01, 0.05])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "-o", dest="folder", default="few-labels", help="of tables and models; a killed training goes on"
    )
    chosen = parser.parse_args()
    for share, seed in product(chosen.share, chosen.seeds):
        tables, folder = table(share, seed), Path(chosen.folder) / f"{share}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        truth, known = tables["test"]["label"], ~np.isnan(tables["train"]["label"])
        for name, columns in tables.items():
            np.savez(
                folder / f"{name}.npz", **columns | ({"label": np.full(len(truth), np.nan)} if name == "test" else {})
            )
        sg.train(
            "arrays", folder / "train.npz", folder=folder / "run", conditions=["label"], seed=seed, threads=1,
            settings=settings(tables["train"], share), training={"steps": STEPS, "batch_size": ROWS},
        )  # fmt: skip
        scored = sg.score("arrays", folder / "test.npz", model=str(folder / "run"), names="inferred_label", threads=1)
        simple = LogisticRegression(max_iter=5000).fit(tables["train"]["x"][known], tables["train"]["label"][known])
        found = {
            "semi-supervised": scored.table["inferred_label"].to_numpy(),
            "classifier alone": classified_alone(folder / "run", tables, seed),
            "logistic regression": simple.predict(tables["test"]["x"]),
        }
        shown = ", ".join(f"{name} {np.mean(np.rint(one) == truth):.1%}" for name, one in found.items())
        print(f"{known.sum()} labels, seed {seed}: {shown}", flush=True)


if __name__ == "__main__":
    main()

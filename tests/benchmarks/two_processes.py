"""Speed-up of a training by two processes on two cores, for a recipe that is bound by computation.

    python -m tests.benchmarks.two_processes --batch-size 512 --steps 10 90 -o processes.csv

The recipe is `array-diffusion` with the network `unet` on scikit-learn's digits, in batches that the processes share,
one thread for each process. Start and end are taken out: figures are differences between a long and a short training.
Printed are, for one and for two processes, seconds and processor seconds of a step, the speed-up (seconds of one by
seconds of two; of idle cores only), and the efficiency (processor seconds of one by those of two), which another load
hardly changes.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

RECIPE = ("--recipe", "array-diffusion", "--set", "network=unet")


def measure(folder: Path, batch_size: int, devices: int, steps: int) -> tuple[float, float]:
    """Seconds, and processor seconds of all processes, of a training."""
    command = [sys.executable, "-m", "sciencegen.cli.main", "train", "arrays", "--data", str(folder / "digits.npz")]
    place = folder / f"{devices}-{steps}"
    command += [*RECIPE, "--training", f"batch_size={batch_size}", "--training", f"steps={steps}"]
    command += ["--devices", str(devices), "--device", "cpu", "--threads", "1"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([*command, "--force", "-o", str(place)], check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs=2, default=[10, 90], help="of the short and the long training")
    parser.add_argument("--batch-size", type=int, default=512, help="of all processes together")
    parser.add_argument("--folder", default="two-processes", help="of data and models")
    parser.add_argument("-o", dest="output", default="processes.csv")
    chosen = parser.parse_args()
    folder = Path(chosen.folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "digits.npz", digit=load_digits().images.astype(np.int64))
    short, long = chosen.steps
    rows = []
    for devices in (1, 2):
        first, last = (np.array(measure(folder, chosen.batch_size, devices, steps)) for steps in chosen.steps)
        seconds, processor = ((last - first) / (long - short)).tolist()
        rows.append({"processes": devices, "seconds_of_a_step": seconds, "processor_seconds_of_a_step": processor})
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    for name, column in (("speed_up", "seconds_of_a_step"), ("efficiency", "processor_seconds_of_a_step")):
        table[name] = table[column][0] / table[column]
    table.to_csv(chosen.output, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Artefacts of an older version: configs, models, journals and prepared data that today's code must still use.

`write` makes them, uses them, and keeps what the uses wrote in `expected/`; `load` uses them again in a copy."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import inputs
from .digests import read
from .entries import OUT
from .record import in_a_process, set_environment

FAMILY = "{settings: {members: 2, hidden: 2, latent: 2}, training: {steps: 20, batch_size: 16, warmup_steps: 5}}"
SLOW = "{settings: {members: 1, hidden: 2, latent: 1}, training: {steps: 600, batch_size: 16, checkpoint_every: 20}}"
PAIRS = "{limit: 20, settings: {network: {width: 8, pair_width: 4, layers: 1, heads: 2, vectors: 1, radial: 4, " \
        "context: 8}}, training: {steps: 3, batch_size: 8, warmup_steps: 1, log_every: 1}}"  # fmt: skip
PIXELS = "{limit: 8, settings: {unet: {symmetry: d4, width: 2, multipliers: [1, 2], known: 4}, " \
         "diffusion: {steps: 2, flow_steps: 2}}, " \
         "training: {steps: 3, batch_size: 4, log_every: 1, warmup_steps: 1}}"  # fmt: skip
STAMPS = "{limit: 8, settings: {code: 2, pyramid: {width: 2, multipliers: [1, 2], known: 4}, flow_layers: 2, " \
         "flow_width: 4, wish_layers: 2, wish_width: 4, corrections: 0}, " \
         "training: {steps: 4, batch_size: 4, log_every: 1, warmup_steps: 1}, finish: {steps: 4}}"  # fmt: skip
SELFIES = "{limit: 100, settings: {width: 16, heads: 2, layers: 1, hidden: 16, code: 4, flow_layers: 2, " \
          "flow_width: 8}, " \
          "training: {steps: 4, batch_size: 32, warmup_steps: 2, log_every: 2}, finish: {steps: 2}}"  # fmt: skip

MADE: dict[str, str] = {
    "prepared": "sciencegen datasets prepare molecules moses/train --sample --limit 40 -o OUT/data",
    "family": "sciencegen train proteins --alignment short.a2m --measured short.csv --target value"
    f" --settings '{FAMILY}' -o OUT/model",
    "variants": "sciencegen train proteins --data short.csv --wild-type short.fasta --conditions value,mutations"
    f" --settings '{FAMILY}' -o OUT/model",
    "stopped": f"sciencegen train proteins --data family/model/data --settings '{SLOW}' -o OUT/model",
    "conformers": f"sciencegen train molecules --recipe conformers --data qm9 --settings '{PAIRS}' -o OUT/model",
    "joint": "sciencegen train molecules --recipe joint --data conformers/model/data --condition gap"
    f" --settings '{PAIRS}' -o OUT/model",
    "stamps": "sciencegen train galaxies --recipe stamp-diffusion --data simulated/train"
    f" --settings '{PIXELS}' -o OUT/model",
    "images": f"sciencegen train galaxies --data stamps/model/data --settings '{STAMPS}' -o OUT/model",
    "selfies": f"sciencegen train molecules --data moses/train --settings '{SELFIES}' -o OUT/model",
    "stamp-predictor": "sciencegen train predictor galaxies simulated/train --target half_light_radius"
    " --set families=[ridge] --set folds=2 --settings '{limit: 24, evaluation_folds: 2, evaluation_repeats: 1}'"
    " -o OUT/predictor",
    "structure-predictor": "sciencegen train predictor molecules qm9/train_second --target gap --form structures"
    " --set members=1 --set level=0.5 --set 'network={scalars: 4, vectors: 2, tensors: 2, layers: 1, narrowing: 1}'"
    " --set 'training={steps: 4, batch_size: 8, log_every: 2, checkpoint_every: 2}' --settings '{limit: 80}'"
    " -o OUT/predictor",
    "journal": "sciencegen record molecules measured.csv --journal OUT/campaign.csv",
    "variant-journal": "sciencegen propose proteins --measured short.csv --wild-type short.fasta --batch 4"
    " --settings '{surrogate: gp, scale: linear}' --journal OUT/campaign.csv -o OUT/plate.csv",
    "run": "sciencegen run proteins --config short.yaml --results OUT",
}
"""What is written, by its folder."""
LARGE = ("images", "selfies")
"""Left out of what is committed."""
EXPECTED = "expected"
CHECKPOINTS = "model/checkpoints/*"
NUMBER = re.compile(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
STOPPED = ("stopped",)
"""Killed at their first checkpoint."""
DROPPED = (
    "*.log", ".snakemake", "runs", "cache", "run/**/*.html", "run/**/benchmarks",
    *(f"{name}/model/data" for name in ("variants", "conformers", "stamps", "images", "selfies")),
    "oracles.yaml", "length.py", "gb1.fasta", "family.a2m", "variants.csv", "part.sdf", "workflow.yaml",
)  # fmt: skip
"""Not kept: caches, pages, and what no use reads."""

USES: dict[str, str] = {
    "train-prepared": "sciencegen train molecules --data prepared/data -o made/model --settings"
    " '{training: {steps: 1, batch_size: 8}, finish: {steps: 1}, settings: {width: 16, heads: 2, layers: 1, code: 4}}'",
    "evaluate-prepared": "sciencegen evaluate molecules molecules.smi --against measured.csv --training prepared/data"
    " -o OUT/metrics.json",
    "score-family": "sciencegen score proteins --model family/model --variants all-singles -o OUT/scores.csv",
    "encode-family": "sciencegen encode proteins short.a2m --model family/model -o OUT/latents.npz",
    "draw-family": "sciencegen generate proteins --model family/model -n 4 --where 'value=0' -o OUT/a.csv",
    "train-finished": "sciencegen train proteins --alignment short.a2m --measured short.csv --target value"
    f" --settings '{FAMILY}' -o family/model",
    "train-from": "sciencegen train molecules --from selfies/model --data prepared/data --settings"
    " '{training: {steps: 1, batch_size: 8}, finish: {steps: 1}}' -o made/from",
    "draw-variants": "sciencegen generate proteins --model variants/model -n 4 --where 'mutations <= 4' -o OUT/a.csv",
    "train-stopped": MADE["stopped"].replace(OUT, "stopped")
    + "\nsciencegen score proteins --model stopped/model --variants all-singles -o OUT/scores.csv",
    "draw-conformers": "sciencegen generate molecules --model qm9-molecules --complete conformers/model --raw -n 2"
    " -o OUT/a.sdf",
    "draw-joint": "sciencegen generate molecules --model joint/model --raw -n 2 -o OUT/a.csv",
    "draw-stamps": "sciencegen generate galaxies --model stamps/model --raw -n 2 -o OUT/a.fits",
    "draw-images": "sciencegen generate galaxies --model images/model --noise-free -n 2 -o OUT/a.fits",
    "encode-selfies": "sciencegen encode molecules molecules.smi --model selfies/model -o OUT/latents.npz",
    "predict-variants": "sciencegen predict proteins short.csv --wild-type short.fasta"
    " --predictor fit=run/proteins/short/predictors/value -o OUT/p.csv",
    "predict-structures": "sciencegen predict molecules molecules.smi --predictor gap=structure-predictor/predictor"
    " -o OUT/p.csv",
    "generate-predicted": "sciencegen generate galaxies --model stamps/model --raw -n 2"
    " --predictor r=stamp-predictor/predictor --with r -o OUT/a.csv",
    "record-journal": "sciencegen record molecules measured.csv --journal journal/campaign.csv",
    "propose-journal": "sciencegen propose molecules --journal journal/campaign.csv --batch 2 --pool molecules.smi"
    " --settings '{surrogate: gp, scale: linear}' -o OUT/plate.csv",
    "report-journal": "sciencegen report variant-journal/campaign.csv --domain proteins --wild-type short.fasta"
    " -o OUT/page.html",
    "report-run": "sciencegen report run/proteins/short -o OUT/page.html",
    "dry-run": "sciencegen run proteins --config short.yaml --results OUT -- --dry-run",
}
"""What today's code must be able to do with them, a command in each line."""
LOOSE = ("draw-", "report-", "generate-")
"""Uses whose bytes aren't kept, but that must succeed: drawn items differ on another machine, and pages are long."""


def write(folder: Path, names: Sequence[str]) -> int:
    """Make the artefacts with the code that is imported here, and keep what the uses write."""
    folder.mkdir(parents=True)
    inputs.write_inputs(folder)
    inputs.write_short(folder)
    set_environment(folder)
    failed = 0
    for name in names:
        (folder / name).mkdir()
        code = in_a_process(name, MADE[name], folder.resolve(), CHECKPOINTS if name in STOPPED else "")
        failed += code != (143 if name in STOPPED else 0)
        tell(name, code, folder / f"{name}.log")
    for path in [path for pattern in DROPPED for path in folder.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="golden-") as other:
        copy = Path(other).resolve() / "copy"
        shutil.copytree(folder, copy)
        for name in uses_of(folder):
            code = use(name, copy)
            failed += code != 0
            tell(name, code, copy / EXPECTED / f"{name}.log")
        shutil.copytree(
            copy / EXPECTED, folder / EXPECTED, ignore=shutil.ignore_patterns("*.log", *(f"{one}*" for one in LOOSE))
        )
    return int(failed > 0)


def tell(name: str, code: int, log: Path, more: str = "") -> None:
    print(f"{name}: {f'exit code {code}' if code or not more else more}", flush=True)
    if code not in (0, 143):
        print("    " + log.read_text()[-3000:].replace("\n", "\n    "), flush=True)


def uses_of(folder: Path) -> list[str]:
    """The uses whose artefacts are all there."""
    absent = [name for name in MADE if not (folder / name).is_dir()]
    return [name for name, text in USES.items() if not any(re.search(rf"(?<![\w-]){one}/", text) for one in absent)]


def use(name: str, copy: Path) -> int:
    """Run a use in a copy of the artefacts, where it writes to `expected/<name>`; the first exit code that isn't 0."""
    set_environment(copy)
    (copy / EXPECTED / name).mkdir(parents=True)
    codes = (in_a_process(f"{EXPECTED}/{name}", line, copy) for line in USES[name].splitlines())
    return next(filter(None, codes), 0)


def load(folder: Path) -> int:
    """Use the artefacts and compare with what the code that made them wrote; 1 if one can't be used, or differs."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="golden-") as other:
        copy = Path(other).resolve() / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(EXPECTED))
        for name in uses_of(folder):
            code = use(name, copy)
            told = "works"
            if not code and not name.startswith(LOOSE):
                told = difference(folder / EXPECTED / name, copy / EXPECTED / name) or "the same"
            failed += bool(code) or told.startswith("differs")
            tell(name, code, copy / EXPECTED / f"{name}.log", told)
    return int(failed > 0)


def difference(before: Path, now: Path) -> str:
    """How the files of two folders differ: "", close (numbers by rounding) or differs, and where."""
    names = [{str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} for place in (before, now)]
    if names[0] != names[1]:
        return f"differs: {', '.join(sorted(names[0] ^ names[1]))}"
    told = ""
    for name in sorted(names[0]):
        first, second = (read(place / name, place)[0] for place in (before, now))
        if first != second:
            if not are_close(before / name, now / name):
                return f"differs: {name}"
            told = f"close: {name}"
    return told


def are_close(before: Path, now: Path) -> bool:
    """Whether two files of text or arrays differ by rounding only."""
    import numpy as np

    if before.suffix == ".npz":
        with np.load(before) as first, np.load(now) as second:
            return first.files == second.files and all(_alike(first[key], second[key]) for key in first.files)
    if before.suffix not in (".csv", ".json"):
        return False
    texts = [(read(path, path.parent)[0] or b"").decode() for path in (before, now)]
    words = [NUMBER.sub("#", text) for text in texts]
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in texts]
    return words[0] == words[1] and bool(np.allclose(*numbers, rtol=1e-3, atol=1e-4))


def _alike(first: Any, second: Any) -> bool:
    import numpy as np

    if first.dtype.kind != "f":
        return bool((first == second).all())
    return bool(np.allclose(first, second, rtol=1e-3, atol=1e-3))

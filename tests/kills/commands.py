"""The commands that are killed, with tiny models, by their verb.

`--force` stands where a command refuses the output of an earlier call that has finished."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from sciencegen.files import sha256_of
from tests.golden_record import inputs
from tests.golden_record.artefact_commands import FAMILY, PAIRS
from tests.golden_record.artefact_commands import PIXELS as DIFFUSION

WORKFLOWS = Path(__file__).parents[2] / "workflows" / "config" / "smoke"
SMALL = "training: {steps: 24, batch_size: 16, warmup_steps: 2, log_every: 4, checkpoint_every: 3}"
"""Checkpoints between rows of the log too."""
SELFIES = (
    "{limit: 60, settings: {width: 16, heads: 2, layers: 1, hidden: 16, code: 4, flow_layers: 2, flow_width: 8}, "
    f"{SMALL}, finish: {{steps: 4}}}}"
)
LONGER = FAMILY.replace(FAMILY[FAMILY.index("training") : -1], SMALL)
STAMPS = (
    "{limit: 16, settings: {code: 2, pyramid: {width: 2, multipliers: [1, 2], known: 4}, flow_layers: 2, "
    "flow_width: 4, wish_layers: 2, wish_width: 4, corrections: 0}, "
    f"{SMALL.replace('batch_size: 16', 'batch_size: 4')}, finish: {{steps: 4}}}}"
)
MEMBERS = (
    "--form structures --threads 1 --set members=2 --set level=0.5 "
    "--set 'network={scalars: 4, vectors: 2, tensors: 2, layers: 1, narrowing: 1}' "
    f"--set '{SMALL.replace('training: ', 'training=')}' --settings '{{limit: 80}}'"
)
FAMILY_DATA = "sciencegen train proteins --alignment short.a2m --measured short.csv --target value"


@dataclass(frozen=True)
class Command:
    """words: the command. before: one that makes what it reads. in_a_row: kills until it may finish."""

    words: str
    before: str = ""
    in_a_row: int = 1


def write_inputs(folder: Path) -> None:
    folder.mkdir(parents=True)
    inputs.write_inputs(folder)
    inputs.write_short(folder)
    for domain in ("molecules", "proteins", "galaxies"):
        config = yaml.safe_load((WORKFLOWS / f"{domain}.yaml").read_text(encoding="utf-8"))
        (folder / f"{domain}.yaml").write_text(yaml.safe_dump(config | {"threads": 1}, sort_keys=False))
    (folder / "again.csv").write_text(inputs.MEASURED.replace(",0", ",1") + "C1CC,2\n")
    write_card(folder)


def write_card(folder: Path) -> None:
    """A dataset of one archive, which lies where a user would put it."""
    rows = "item,value\n" + "".join(f"{'C' * length}O,{length}\n" for length in range(1, 100))
    (folder / "cache" / "downloads").mkdir(parents=True)
    archive, members = folder / "cache" / "downloads" / "words.zip", {"train": rows, "test": "item,value\nCCN,1\n"}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, text in members.items():
            packed.writestr(zipfile.ZipInfo(f"{name}.csv"), text)
    files = {name: {"name": f"{name}.csv", "item_column": "item", "rows": 99} for name in members}
    entries = {
        name: {"path": f"{name}.csv", "bytes": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
        for name, text in members.items()
    }
    source = {"kind": "archive", "url": "https://example.org/words.zip", "sha256": sha256_of(archive), "files": entries}
    facts = dict.fromkeys(("title", "description", "citation"), "words") | {"home": "https://example.org"}
    card = {"format": 1, "name": "words", "domain": "molecules", "licence": "CC0", **facts, "files": files,
            "columns": [{"name": "value", "unit": "1", "source": "value"}], "sources": [source]}  # fmt: skip
    place = folder / "cards" / "molecules" / "words"
    place.mkdir(parents=True)
    (place / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False))


COMMANDS: dict[str, tuple[Command, ...]] = {
    "record": (
        Command("sciencegen record molecules measured.csv --journal lab/campaign.csv"),
        Command("sciencegen record proteins variants.csv --wild-type gb1.fasta --round 1 --journal campaign.csv"),
        Command(
            "sciencegen record molecules again.csv --journal campaign.csv",
            before="sciencegen record molecules measured.csv --journal campaign.csv",
        ),
    ),
    "backtest": (
        Command(
            "sciencegen backtest molecules measured.csv --batch 4 --rounds 3 --repeats 3 --surrogate gp --threads 1"
            " --force -o campaigns.csv",
            in_a_row=2,
        ),
    ),
    "prepare": (
        Command("sciencegen datasets prepare molecules molecules.smi --threads 2 --force -o data"),
        Command("sciencegen datasets prepare proteins family.a2m --form aligned --threads 1 --force -o data"),
        Command(
            "sciencegen datasets prepare galaxies simulated/test --sample --limit 12 --threads 1 --force -o data",
            before="sciencegen datasets prepare galaxies simulated/test --sample --limit 4 --threads 1 -o data",
        ),
    ),
    "train": (
        Command(
            f"sciencegen train molecules --recipe selfies-vae --data moses/train --settings '{SELFIES}' --threads 1 "
            "-o model",
            in_a_row=2,
        ),
        Command(f"{FAMILY_DATA} --settings '{LONGER}' --threads 1 -o model", "", 2),
        Command(f"sciencegen train galaxies --data simulated/train --settings '{STAMPS}' --threads 1 -o model", "", 2),
        Command(
            f"{FAMILY_DATA} --settings '{LONGER}' --threads 1 --force -o model",
            f"{FAMILY_DATA} --settings '{FAMILY}' --threads 1 -o model",
        ),
    ),
    "devices": (
        Command(
            f"{FAMILY_DATA} --settings '{LONGER.replace('steps: 24', 'steps: 24, devices: 2')}' --device cpu"
            " --threads 1 -o model",
            in_a_row=2,
        ),
    ),
    "map": (
        Command("sciencegen map molecules --limit 12 --include logp --threads 1 --force -o map.png"),
        Command(
            "sciencegen map proteins --data short.a2m --model model --threads 1 --force -o map.csv",
            before=f"{FAMILY_DATA} --settings '{FAMILY}' --threads 1 -o model",
        ),
    ),
    "run": (
        Command("sciencegen run proteins --config short.yaml", in_a_row=7),
        *(
            Command(f"sciencegen run {domain} --config {domain}.yaml", in_a_row=7)
            for domain in ("proteins", "galaxies", "molecules")
        ),
    ),
    "predictor": (
        Command(
            "sciencegen train predictor proteins variants.csv --target value --wild-type gb1.fasta --set folds=2"
            " --settings '{evaluation_folds: 2, evaluation_repeats: 1}' --threads 1 --force -o predictor"
        ),
        Command(f"sciencegen train predictor molecules qm9/train_second --target gap {MEMBERS} -o predictor", "", 2),
    ),
    "distill": (
        Command(
            "sciencegen train molecules --from teacher --data teacher/data --distill 2 --threads 1 -o student"
            f" --settings '{{teacher_steps: 4, {SMALL}}}'",
            f"sciencegen train molecules --recipe conformers --data qm9 --settings '{PAIRS}' --threads 1 -o teacher",
            2,
        ),
    ),
    "optimize": (
        Command(
            "sciencegen optimize proteins --model model --goal 'maximize family_score' --goal 'mutations <= 4'"
            " --method evolution --budget 60 -n 5 --details details --threads 1 --force -o best.csv",
            before=f"{FAMILY_DATA} --settings '{FAMILY}' --threads 1 -o model",
        ),
    ),
    "sequences": (
        Command(
            "sciencegen sequences proteins data/items.parquet -n 2 --command 'python design.py {input} {output} {n}'"
            " --threads 1 --force -o a.csv",
            before="sciencegen datasets prepare proteins backbones --form structures --sample --limit 4 --threads 1"
            " -o data",
        ),
    ),
    "generate": (
        Command(
            "sciencegen generate galaxies --model stamps --raw -n 3 --threads 1 --force -o a.csv",
            before="sciencegen train galaxies --recipe stamp-diffusion --data simulated/train"
            f" --settings '{DIFFUSION}' --threads 1 -o stamps",
        ),
        Command("sciencegen generate molecules --model qm9-molecules --raw -n 2 --threads 1 --force -o a.sdf"),
    ),
    "replay": (
        Command(
            "sciencegen replay a.csv --all --threads 1 --force -o rows.csv",
            before="sciencegen generate molecules --raw -n 4 --threads 1 -o a.csv",
        ),
    ),
    "cutout": (Command("sciencegen cutout galaxies field.fits sources.csv --side 32 --force -o a.fits"),),
    "restore": (
        Command(
            "sciencegen restore galaxies a.fits --threads 1 --force -o b.fits",
            before="sciencegen generate galaxies --raw -n 3 --threads 1 -o a.fits",
        ),
    ),
    "compress": (
        Command(
            "sciencegen compress galaxies a.fits --threads 1 --force -o a.sgc",
            before="sciencegen generate galaxies --raw -n 8 --threads 1 -o a.fits",
        ),
    ),
    "fetch": (Command("sciencegen datasets fetch molecules/words -o copies"),),
}
QUICK = ("record", "fetch", "cutout")
"""Verbs that start no workers and train nothing."""

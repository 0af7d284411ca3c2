"""Texts of settings: workflow configs, `--settings`, `--training`, goals and conditions, dataset cards."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import yaml

from sciencegen import config
from sciencegen.api.criteria import parse_conditions, read_goals
from sciencegen.api.models.plan import make_plan
from sciencegen.api.run import read_config
from sciencegen.api.science import constraint_of, domain_of
from sciencegen.cli.options import pairs, settings_from
from sciencegen.data.cards import read_card
from sciencegen.data.shipped import dataset_root, workflow_root
from sciencegen.domains import DOMAINS
from sciencegen.errors import SciencegenError
from sciencegen.records import to_record
from sciencegen.training.settings import TrainingSettings
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import STRANGE, damaged_bytes
from tests.own_files import write_own_files

OLD = Path(__file__).parents[2] / "old_artefacts" / "0.1.0"
RECORDS = {
    name: one for name, one in inspect.getmembers(config, inspect.isclass)
    if issubclass(one, config.Settings) and one is not config.Settings
}  # fmt: skip
GOALS = (
    "maximize qed", "minimize sa", "logp in 1..3", "sa <= 3.5", "qed >= 0.4", "similarity to CCO >= 0.4",
    "logp = 2 +- 0.5", "activity in domain", "weight in 100..500", "maximize pmo:osimertinib_mpo", "mutations <= 4",
    "length in 50..100", "flux in 1e2..1e4", "half_light_radius = 0.6", "maximise fitness", "charge = -1", "c1ccccc1",
    "N[C@@H](C)C(=O)O", "WIKI", "N-{P}-[ST]", "[#6]1~[#6]~[#6]1", "A2G", "10-20", "atoms <= 9",
    "identity to MKV >= 0.5",
)  # fmt: skip
PARTS = (
    "maximize", "minimize", "in", "domain", "to", "similarity", "<=", ">=", "=", "<", "..", "+-", "±", "1", "-1",
    "1e400", "nan", "inf", ".5", "1.", "qed", "logp", "length", "flux", "CCO", "(", ")", "[", "]",
    "*", "{", "}", "$", ":",
    "x" * 3000, "%", "@",
)  # fmt: skip


LARGE = 40_000
"""Bytes of a sample that takes too long to read for each case."""


def configs() -> Mapping[str, Source]:
    shipped = {f"{path.parent.name}-{path.name}": path for path in workflow_root().glob("config/**/*.yaml")}
    read = {name: path.read_bytes() for name, path in [*shipped.items(), ("short.yaml", OLD / "short.yaml")]}
    domains = {name: (yaml.safe_load(content) or {}).get("domain", "") for name, content in read.items()}
    return {
        name: Source(name, content, more=domains[name])
        for name, content in read.items()
        if domains[name] and name != "config-default.yaml"
    }


def copy_data(folder: Path) -> None:
    for name in ("short.csv", "short.fasta", "short.a2m", "molecules.smi", "measured.csv"):
        shutil.copy(OLD / name, folder / name)
    for path in workflow_root().glob("config/**/*.yaml"):
        write_own_files(folder, yaml.safe_load(path.read_bytes()) or {})
    shutil.copy(OLD / "short.a2m", folder / "family.a2m")
    shutil.copy(OLD / "short.csv", folder / "table.csv")


def use_config(path: Path, source: Source) -> Found:
    read_config(source.more, path, None)
    return Found(1)


def settings() -> Mapping[str, Source]:
    """The defaults of every verb, a training's settings of every recipe, and `name=value` words."""
    made = {
        name: _text(record())
        for name, record in RECORDS.items()
        if not any(map(_required, record.model_fields.values()))
    }
    found = {name: Source(f"{name}.yaml", content, more=name) for name, content in made.items()}
    words = "steps=300\nbatch_size=16\nlearning_rate=1e-3\ncompile=false\nprecision=float32\ndevices=1\n"
    words += "optimizer=adamw\nschedule=wsd\nsparsity=0.5"
    found["pairs"] = Source("pairs.txt", words.encode(), more="pairs")
    for domain in DOMAINS:
        for recipe, one in domain_of(domain).recipes.items():
            content = yaml.dump(
                {"recipe": recipe, "settings": _plain(one.settings()), "training": {"steps": 3, "batch_size": 4}}
            )
            found[f"{domain} {recipe}"] = Source(f"{domain}-{recipe}.yaml", content.encode(), more=domain)
    return found


def _required(field: object) -> bool:
    return field.is_required()  # type: ignore[attr-defined]


def _text(record: config.Settings) -> bytes:
    return yaml.dump(record.model_dump(mode="json", by_alias=True), sort_keys=False).encode()


def _plain(record: object) -> dict[str, object]:
    from sciencegen.records import to_plain

    return to_plain(record)


def use_settings(path: Path, source: Source) -> Found:
    text = path.read_bytes().decode("utf-8", "replace")
    if source.more == "pairs":
        to_record(TrainingSettings, pairs(text.split("\n"), "--training"), "training")
    elif source.more in RECORDS:
        settings_from(RECORDS[source.more], text)
        settings_from(RECORDS[source.more], f"@{path}")
    else:
        make_plan(source.more, "x.csv", None, settings_from(config.TrainSettings, f"@{path}"))
    return Found(1)


def goals() -> Mapping[str, Source]:
    content = "\n".join(GOALS).encode()
    return {name: Source(f"{name}.txt", content, more=name, mutate=changed_goals) for name in DOMAINS}


def changed_goals(content: bytes, name: str, chooser: Random) -> bytes:
    """One to four goals: damaged ones, and words in any order."""
    found = []
    for _ in range(chooser.choice((1, 1, 2, 4))):
        goal = chooser.choice(GOALS).encode()
        kind = chooser.randrange(3)
        if kind == 0:
            goal = " ".join(chooser.choices(PARTS, k=chooser.randint(1, 7))).encode()
        elif kind == 1:
            goal = goal.replace(
                chooser.choice(goal.split()), chooser.choice((*STRANGE, *(part.encode() for part in PARTS)))
            )
        found.append(goal if kind == 1 else damaged_bytes(goal, chooser))
    return b"\n".join(found)


def use_goals(path: Path, source: Source) -> Found:
    """Each text as a goal, a condition, an oracle's name and a pattern; then all together."""
    science, texts = domain_of(source.more), path.read_bytes().decode("utf-8", "replace").split("\n")
    uses: list[Callable[[str], object]] = [
        lambda text: [science.oracles.find(goal.name) for goal in read_goals(science, [text])],
        lambda text: parse_conditions([text], science),
        lambda text: constraint_of(science, [text], []),
        lambda text: constraint_of(science, [], [text]),
        lambda text: science.oracles.find(text),
    ]
    read, reasons = 0, []
    for use in [*uses, lambda _: read_goals(science, texts), lambda _: parse_conditions(texts, science)]:
        for text in texts if use in uses else texts[:1]:
            try:
                use(text)
                read += 1
            except SciencegenError as error:
                reasons.append(str(error))
    return Found(read, reasons)


def cards() -> Mapping[str, Source]:
    places = sorted(dataset_root().glob("*/*/card.yaml"))
    named = {f"{path.parent.parent.name}/{path.parent.name}": path for path in places}
    return {
        name: Source(f"{name}/card.yaml", path.read_bytes(), more=name.split("/")[0]) for name, path in named.items()
    }


def copy_cards(folder: Path) -> None:
    """The cards with their small samples; larger ones lack."""
    shutil.copytree(dataset_root(), folder, dirs_exist_ok=True, ignore=_large)


def _large(place: str, names: list[str]) -> list[str]:
    return [one for one in names if (path := Path(place, one)).is_file() and path.stat().st_size > LARGE]


def use_card(path: Path, source: Source) -> Found:
    card, read, reasons = read_card(path), 0, []
    science = domain_of(source.more)
    for split in card.sampled_splits:
        try:
            read += sum(1 for row in card.sample_rows(science.items.read)[split])
        except SciencegenError as error:
            reasons.append(str(error))
    return Found(read, reasons)


BORDERS = (
    Border("configs", configs, use_config, copy_data, 0.06),
    Border("settings", settings, use_settings, share=0.08),
    Border("goals", goals, use_goals, share=0.1),
    Border("cards", cards, use_card, copy_cards, 0.05),
)

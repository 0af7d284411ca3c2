# What the rules share: names, and the section of the config that each of them sees. A rule's params hold its own
# section only, so that an edit of one section reruns what depends on it and nothing else. Device and threads are
# resources, no params: where something is computed is no reason to compute it again.

import json
import os

DOMAIN = config["domain"]
RUN = f"{config.get('results', 'results')}/{DOMAIN}/{config.get('name', 'default')}"
STRUCTURES = (
    [f"{RUN}/candidates{config['structures']}"] if config.get("structures") else []
)
PREPARE = config.get("prepare") or {}
PREDICTORS = config.get("predict") or {}
COMPLETES = bool(config.get("complete"))
VARIANTS = config.get("variants") or {}
SCORES_VARIANTS = "variants" in config and config["variants"] is not None
PROPOSE = config.get("propose") or {}
PROPOSES = bool(PROPOSE)
THREADS = config.get("threads") or 16
DEVICE = config.get("device", "auto")
GPUS = config.get("gpus", 0)

MODEL_FILES = [
    "config.yaml",
    "representation.json",
    "metrics.json",
    "card.md",
    "weights.safetensors",
]


wildcard_constraints:
    predictor=r"[^/]+",


def as_settings(own, **wired):
    """A section with the run's seed and what other rules made, as the JSON that `--settings` reads."""
    return json.dumps(
        {"seed": config.get("seed", 0), **(own or {}), **wired}, sort_keys=True
    )


def settings(section, **wired):
    return as_settings(config.get(section), **wired)


def reading(*names):
    """How `prepare` reads its source (its sample or the whole set, how much of it), for rules that read it too. They
    don't wait for `prepare`: told alike, they read alike, and who comes first fetches.
    """
    return {name: PREPARE[name] for name in names if name in PREPARE}


def item_column():
    """The flag for the source's column of items, where the config names one."""
    return f"--item-column '{PREPARE['column']}'" if PREPARE.get("column") else ""


def folder_of():
    """The folder of a rule's first output."""
    return lambda wildcards, output: os.path.dirname(output[0])


def completing():
    """The model that gives candidates their structures, where there is one."""
    return {"complete": f"{RUN}/complete"} if COMPLETES else {}


def if_file(*sources):
    """Those that are files, and no dataset's name or a sequence: then a newer file is read again."""
    return [source for source in sources if source and os.path.isfile(source)]


def files_of(section, *names):
    """The files that a section names, for rules that read them beside what other rules make."""
    return if_file(*map((config.get(section) or {}).get, names))


def plate_tables(key):
    """What the next plate is proposed from; the config may name one table or several."""
    named = PROPOSE.get(key) or []
    return [named] if isinstance(named, str) else named


def known_items():
    """What counts as known to the search: the prepared data, unless its section names something else."""
    return (config.get("optimize") or {}).get("training") or f"{RUN}/data"


def predictor_folders():
    """name -> folder, beside those that the optimize section names itself."""
    own = {name: f"{RUN}/predictors/{name}" for name in PREDICTORS}
    return {**(config.get("optimize") or {}).get("predictors", {}), **own}


def read_like_prepare(sources):
    """How another step reads the dataset that `prepare` reads, by its name: its sample, or the whole."""
    prepared = dataset_of(PREPARE.get("source"))
    same = prepared is not None and prepared in map(dataset_of, sources)
    return reading("sample", "offline") if same else {}


def judges():
    """The predictors that tell how well a condition is obeyed: those of the properties that are asked for."""
    asked = (config.get("evaluate") or {}).get("calibrate") or {}
    return sorted(set(PREDICTORS) & set(asked))


def judging():
    """name -> folder, beside those that the evaluate section names itself."""
    own = {name: f"{RUN}/predictors/{name}" for name in judges()}
    named = (config.get("evaluate") or {}).get("predictors", {})
    return {"predictors": {**named, **own}} if own else {}


def foretelling():
    """name -> folder, beside those that the propose section names itself; what they say stands in the plate."""
    own = {name: f"{RUN}/predictors/{name}" for name in PREDICTORS}
    named = PROPOSE.get("predictors", {})
    return {"predictors": {**named, **own}} if own else {}


def offering():
    """What the search found, as candidates of the plate too, unless a pool is all that may be proposed."""
    if PROPOSE.get("pool"):
        return {}
    return {"also": [*plate_tables("also"), f"{RUN}/candidates.parquet"]}


def dataset_of(source):
    """The dataset that a source is, or is a split of; none for a file."""
    named = source and not os.path.isfile(source)
    return source.removeprefix(f"{DOMAIN}/").split("/")[0] if named else None


def reads_latents(wildcards):
    """Whether a predictor looks at the trained model's latents, not only at features of the items."""
    own = PREDICTORS[wildcards.predictor]
    inputs = (own.get("settings") or {}).get("inputs", "features")
    return inputs != "features" and not own.get("model")


def predictor_settings(wildcards):
    """The section of one predictor. Snakemake compares no param that is made of `input` or `output`, so this is not."""
    own = PREDICTORS[wildcards.predictor]
    model = {"model": f"{RUN}/model"} if reads_latents(wildcards) else {}
    return as_settings({**read_like_prepare([own["table"]]), **own}, **model)

# Shared by the rules: names, and the section of the config that each rule uses. The params of a rule hold its own section
# only, so that an edit of one section reruns only what depends on it. Device and threads are resources and not params: a
# change of them does not rerun a rule.

import json
import os
import re

from snakemake.io import flag
from snakemake.path_modifier import PATH_MODIFIER_FLAG

DOMAIN = config["domain"]
RUN = f"{config.get('results', 'results')}/{DOMAIN}/{config.get('name', 'default')}"
PATHS = workflow.modifier.path_modifier


def placed(path):
    """Where a file that the rules call `path` is: Snakemake applies the prefix of a module to inputs, outputs and logs,
    but not to params.
    """
    return PATHS.replace_prefix(path)


def as_it_is(path):
    """A path that neither a prefix nor a storage of files moves. The flag `local` would keep the step from a cluster."""
    return flag(path, PATH_MODIFIER_FLAG)


def kept(path):
    """A file of the run; with an absolute `results`, it is on a volume that all machines have at the same place."""
    return as_it_is(path) if os.path.isabs(RUN) else path


FOLDER = placed(RUN)  # of the run, in params
PREPARE = config.get("prepare") or {}
PREDICTORS = config.get("predict") or {}
COMPLETES = bool(config.get("complete"))
VARIANTS = config.get("variants") or {}
SCORES_VARIANTS = "variants" in config and config["variants"] is not None
PROPOSE = config.get("propose") or {}
PROPOSES = bool(PROPOSE)
THREADS = config.get("threads") or 16
DEVICE = config.get("device", "auto")
GPUS = config.get("gpus") or int(DEVICE == "cuda")
GPU = min(GPUS, 1)  # of a step that is no training: it uses one at most
READ_BY_RULES = ("cache", "sample", "offline")  # of further settings

# The files of one rule that another reads. They are no `rules.train.output`, with which a module could not change a
# single rule (`use rule optimize from sciencegen with`).
MODEL_FILES = [
    "config.yaml",
    "representation.json",
    "metrics.json",
    "card.md",
    "weights.safetensors",
]
MODEL = [kept(f"{RUN}/model/{name}") for name in MODEL_FILES]
COMPLETING_MODEL = [kept(f"{RUN}/complete/{name}") for name in MODEL_FILES]
ITEMS = kept(f"{RUN}/data/items.parquet")
DATASET = kept(f"{RUN}/data/dataset.json")
SAMPLES = kept(f"{RUN}/samples.parquet")
PREDICTOR = kept(f"{RUN}/predictors/{{predictor}}/config.yaml")
CANDIDATES = kept(f"{RUN}/candidates.parquet")
CANDIDATE_TABLE = kept(f"{RUN}/candidates.csv")
STRUCTURES = (
    [kept(f"{RUN}/candidates{config['structures']}")]
    if config.get("structures")
    else []
)
TRACE = kept(f"{RUN}/search/trace.csv")
METRICS = kept(f"{RUN}/metrics.json")
VARIANT_SCORES = kept(f"{RUN}/variants.csv")
PLATE = kept(f"{RUN}/plate.csv")
PAGE = kept(f"{RUN}/report.html")


wildcard_constraints:
    predictor=r"[^/]+",


def memory_of(megabytes):
    """The memory of a step; a cluster that ended it for want of memory gives it more at the next attempt."""
    return lambda wildcards, attempt: attempt * megabytes


def gpus_of(section):
    """The GPUs of a training; copied weights need none."""
    return 0 if (config.get(section) or {}).get("model") else GPUS


def devices(wildcards, resources):
    """The flag of a training on several GPUs. Like threads, they are no params that Snakemake compares."""
    return (
        ["--training", f"devices={resources.gpu}"]
        if resources.get("gpu", 0) > 1
        else ""
    )


def verbatim(value):
    """A text or list as a param: Snakemake takes braces in a plain one for wildcards."""
    return lambda wildcards: value


def as_settings(own, **wired):
    """A section with the run's seed and outputs of other rules, as the JSON that `--settings` reads."""
    return json.dumps(
        {"seed": config.get("seed", 0), **(own or {}), **wired}, sort_keys=True
    )


def settings(section, **wired):
    return verbatim(as_settings(config.get(section), **wired))


def reading(*names):
    """How `prepare` reads its source (the sample or the whole dataset, and how many rows), for rules that read it too.
    They do not wait for `prepare`; the first rule that needs the dataset fetches it.
    """
    return {name: PREPARE[name] for name in names if name in PREPARE}


def item_column():
    """The flag for the item column of the source, if the config names one."""
    return ["--item-column", PREPARE["column"]] if PREPARE.get("column") else ""


def folder_of():
    """The folder of a rule's first output."""
    return lambda wildcards, output: os.path.dirname(output[0])


def completing():
    """The model that gives candidates their structures, where there is one."""
    return {"complete": f"{FOLDER}/complete"} if COMPLETES else {}


FILE_NAME = re.compile(r"[^\s:*?]*\w\.[a-zA-Z]\w*(\.gz)?")
"""A file that another rule will make. Names of datasets and sequences have no ending."""


def is_file(source):
    return os.path.isfile(source) or (
        not os.path.exists(source) and FILE_NAME.fullmatch(source) is not None
    )


def as_named(source):
    """A file of the user, which no prefix of a module moves."""
    moved = placed(source) != source or os.path.isabs(RUN)
    return as_it_is(source) if moved else source


def predicted(names):
    """The file by which other rules wait for the predictors."""
    return [kept(f"{RUN}/predictors/{name}/config.yaml") for name in names]


def further(section):
    """The further settings of a section. Until version 0.5 those that rules read may be beside `settings`, too."""
    beside = {name: section[name] for name in READ_BY_RULES if name in section}
    return {**beside, **(section.get("settings") or {})}


def keeping_scores():
    """A file of the scores of programs, where the search may run any: its own, or one such as dock:EGFR."""
    section = config.get("optimize") or {}
    named = f"{section.get('goals')} {section.get('include')}"
    own = further(section)
    if own.get("cache") or not (section.get("oracles") or ":" in named):
        return {}
    return {"settings": {**own, "cache": f"{FOLDER}/programs.sqlite"}}


def if_file(*sources):
    """Those sources that are files (not dataset names or sequences): a newer file is then read again."""
    return [as_named(source) for source in sources if source and is_file(source)]


def files_of(section, *names):
    """The files that a section names, for rules that read them besides outputs of other rules."""
    return if_file(*map((config.get(section) or {}).get, names))


def present(section, name):
    """The file that a section names where it could also name an item: only one that exists is taken for a file."""
    named = (config.get(section) or {}).get(name)
    return [as_named(named)] if named and os.path.isfile(named) else []


def plate_tables(key):
    """The tables that the next plate is proposed from; the config may name one or several."""
    named = PROPOSE.get(key) or []
    return [named] if isinstance(named, str) else named


def known_items():
    """The items that the search does not return: the prepared data, unless its section names something else."""
    return (config.get("optimize") or {}).get("training") or f"{FOLDER}/data"


def predictor_folders():
    """name -> folder, including those that the optimize section names."""
    own = {name: f"{FOLDER}/predictors/{name}" for name in PREDICTORS}
    return {**(config.get("optimize") or {}).get("predictors", {}), **own}


def read_like_prepare(sources):
    """How another step reads the dataset that `prepare` reads: its sample, or the whole."""
    prepared = dataset_of(PREPARE.get("source"))
    same = prepared is not None and prepared in map(dataset_of, sources)
    return reading("sample", "offline") if same else {}


def reading_settings():
    """The settings of `propose`, with how the dataset that `prepare` reads is read."""
    own = {**read_like_prepare(plate_tables("measured")), **further(PROPOSE)}
    return {"settings": own} if own else {}


def judges():
    """The predictors that check how closely a condition is met: those of the calibrated properties."""
    asked = (config.get("evaluate") or {}).get("calibrate") or {}
    return sorted(set(PREDICTORS) & set(asked))


def judging():
    """name -> folder, including those that the evaluate section names."""
    own = {name: f"{FOLDER}/predictors/{name}" for name in judges()}
    named = (config.get("evaluate") or {}).get("predictors", {})
    return {"predictors": {**named, **own}} if own else {}


def foretelling():
    """name -> folder, including those that the propose section names; their predictions are columns of the plate."""
    own = {name: f"{FOLDER}/predictors/{name}" for name in PREDICTORS}
    named = PROPOSE.get("predictors", {})
    return {"predictors": {**named, **own}} if own else {}


def offering():
    """The candidates of the search are candidates of the plate too, unless a pool is given."""
    if PROPOSE.get("pool"):
        return {}
    return {"also": [*plate_tables("also"), f"{FOLDER}/candidates.parquet"]}


def dataset_of(source):
    """The dataset of a source, which may name a split; none for a file."""
    named = source and not is_file(source)
    return source.removeprefix(f"{DOMAIN}/").split("/")[0] if named else None


def reads_latents(wildcards):
    """Whether a predictor uses the latents of the trained model, and not only features of the items."""
    own = PREDICTORS[wildcards.predictor]
    inputs = (own.get("settings") or {}).get("inputs", "features")
    return inputs != "features" and not own.get("model")


def trains_networks(wildcards):
    """Whether a predictor has networks, or inputs of a model, which a GPU computes; regressions of features don't."""
    own = PREDICTORS[wildcards.predictor]
    return bool(own.get("form") or own.get("model")) or reads_latents(wildcards)


def predictor_settings(wildcards):
    """The section of one predictor. It uses no `input` or `output`, because Snakemake does not compare params that do."""
    own = PREDICTORS[wildcards.predictor]
    model = {"model": f"{FOLDER}/model"} if reads_latents(wildcards) else {}
    return as_settings({**read_like_prepare([own["table"]]), **own}, **model)

"""The pages' commands and Python run, each page as one script in a folder of its own, with tiny settings.

README and pages that cost little belong to every run, quickstart, which has each command once, to the long tests; the
other pages are slow. What a fence marks `slow` is parsed only (`test_readme.py`).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from sciencegen.cli.main import main
from tests.documentation import CONCEPTS, HOW_TO, PAGES, Block, blocks, statements, tiny_python
from tests.domains.galaxies.fields import positions, write_field
from tests.domains.molecules.synthesis.stocks import BLOCKS

LONG = ("cluster.md", "program-in-a-pipeline.md", "resume.md")
EVERY_RUN = (
    "README.md", "extending.md", "installation.md", "quickstart.md", "workflows.md",
    *(page.name for page in (*CONCEPTS, *HOW_TO) if page.name not in LONG),
)  # fmt: skip

VALUES = {
    "-n": "3", "--budget": "24", "--batch": "3", "--draws": "8", "--seeds": "1", "--distill": "16", "--steps": "3",
    "--repeats": "1",
}  # fmt: skip
"""Flags whose values are made small."""
WORDS = [
    (r"steps=\d+", "steps=3"), (r"steps: \d+", "steps: 3"), (r"batch_size=\d+", "batch_size=8"),
    (r"hidden=\d+", "hidden=16"), (r"moses/train", "moses/test"),
]  # fmt: skip
"""Parts of words that are made small."""
NETWORK = "{width: 32, pair_width: 8, layers: 2, heads: 2, vectors: 2, radial: 8, context: 16}"
STAMPS = (
    "{code: 4, pyramid: {width: 4, multipliers: [1, 2], known: 8}, flow_layers: 2, flow_width: 8, wish_layers: 2, "
    "wish_width: 8, corrections: 0}"
)
HARMONICS = "{scalars: 8, vectors: 4, tensors: 4, layers: 1}"
REGRESSOR = "evaluation_folds: 2, evaluation_repeats: 1, settings: {families: [ridge], folds: 2}"
LATENTS = "{token: 8, encoder: 8, decoder: 8, slots: 2, slot: 8, heads: 2, dense: 16}"
EXTRA: list[tuple[str, list[str]]] = [
    (
        "train predictor .*--form",
        ["--settings", f"{{limit: 200, settings: {{network: {HARMONICS}}}}}"],
    ),
    ("train predictor proteins", ["--settings", f"{{limit: 600, {REGRESSOR}}}"]),
    ("train predictor", ["--settings", f"{{limit: 60, {REGRESSOR}}}"]),
    ("train molecules .*--distill", ["--settings", "{teacher_steps: 32}"]),
    ("train molecules .*--from", []),
    ("train molecules .*conformers", ["--settings", f"{{settings: {{network: {NETWORK}}}}}"]),
    ("train molecules", ["--settings", f"{{settings: {{networks: {LATENTS}, code: 4}}}}"]),
    ("train arrays", ["--training", "steps=3"]),
    ("train galaxies .*--from", ["--settings", "{finish: {steps: 2}}"]),
    ("train galaxies", ["--settings", f"{{settings: {STAMPS}, finish: {{steps: 2}}}}"]),
    ("train proteins", ["--set", "members=1", "--set", "hidden=16", "--set", "latent=2", "--training", "steps=20"]),
    ("generate proteins --model backbones", ["--attempts", "5", "--set", "steps=20"]),
    ("generate", ["--attempts", "5"]),
    ("datasets prepare molecules solubility", []),
    ("datasets prepare", ["--limit", "60"]),
    ("backtest", ["--settings", "{settings: {limit: 60, surrogate: ensemble}}"]),
    (
        "propose",
        ["--settings", "{settings: {limit: 60, surrogate: ensemble, breeding: {children: 20, generations: 1}}}"],
    ),
]
"""Arguments that make a verb small, by a pattern of its command; the first that fits."""
INSTEAD = [
    (r"^pip install --no-deps \.$", "python -m pip install -q --no-deps --no-build-isolation --no-index --target . ."),
    (r"(generate|optimize|score) proteins --alignment \S+", r"\1 proteins --model runs/family"),
    (r"^(sciencegen datasets fetch|pip install) .*", "true"),
    (r"(evaluate molecules (\S+\.csv) .*--against) moses/test", r"\1 \2"),
    (r"(quick-)?dock:\w+", "sa"),
    (r"admet:hERG", "alerts"),
    (r"admet:solubility", "logp"),
    (r"admet:BBB", "tpsa"),
    (r"xtb:gap", "tpsa"),
    (r"xtb:dipole", "logp"),
    (r"xtb:strain", "sa"),
]
"""Commands that are another one here: a family's model is trained before the page, nothing is downloaded, docked,
predicted by ADMET-AI or computed by tblite, and the molecules of a set are as few as those beside it."""
OPERATORS = frozenset("|<>")
DONE = (0, 5)
"""Exit codes: fewer results than requested are what tiny settings give."""


def tiny(statement: str) -> str:
    """The same command with tiny settings."""
    for pattern, other in INSTEAD:
        statement = re.sub(pattern, other, statement)
    words = shlex.split(statement)
    if words[0] != "sciencegen":
        return statement
    for place in range(len(words)):
        if place and words[place - 1] in VALUES:
            words[place] = VALUES[words[place - 1]]
        for pattern, other in WORDS:
            words[place] = re.sub(pattern, other, words[place])
    more = next((more for pattern, more in EXTRA if re.match(pattern, " ".join(words[1:]))), [])
    end = next((at for at, word in enumerate(words) if word in OPERATORS), len(words))
    rest = [word if word in OPERATORS else shlex.quote(word) for word in words[end:]]
    return " ".join([shlex.join([*words[:end], *more]), *rest])


def in_process(words: list[str]) -> str:
    """What `sciencegen` prints, without a new process: its imports are paid for once."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = words
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(own_process=False)
    finally:
        sys.argv = before
    assert int(ended.value.code or 0) in DONE, f"{shlex.join(words)}\n{(out.getvalue() + err.getvalue())[-2000:]}"
    return out.getvalue()


def in_shell(statement: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{Path.cwd()}"}
    done = subprocess.run(["bash", "-ec", statement], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode in DONE, f"{statement}\n{done.stdout[-500:]}{done.stderr[-1500:]}"


def run(block: Block) -> None:
    if block.kind == "python" and (name := re.match(r"# (\S+\.py)\n", block.text)):
        Path(name[1]).write_text(block.text)
    elif block.kind == "python" and block.page.name != "README.md" and not block.slow:  # README: in test_readme.py
        exec(compile(tiny_python(block.text), block.place, "exec"), {"__name__": "documentation"})
    elif block.kind == "yaml" and (name := re.match(r"# (\S+\.yaml)\n", block.text)):
        Path(name[1]).write_text(block.text)
    elif block.kind == "bash" and not block.slow:
        for statement in map(tiny, statements(block.text)):
            words, output = shlex.split(statement), os.devnull
            if words[-2:-1] == [">"]:
                *words, _, output = words
            if words[0] == "sciencegen" and not ("shell" in block.words or OPERATORS & set(words)):
                Path(output).write_text(in_process(words))
            else:
                in_shell(statement)


def molecules(folder: Path) -> None:
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    texts = ["CCO", "CCN", "Oc1ccccc1", "CC(=O)O", "CCCC", "c1ccncc1", "CC(C)O", "CCOC", "NCCO", "C1CCOC1"] * 6
    lines = [f"{text},{5 + place % 5}" for place, text in enumerate(texts)]
    (folder / "actives.csv").write_text("\n".join(["smiles,activity", *lines]) + "\n")
    (folder / "blocks.smi").write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)))
    labels = [f"{text},{place % 2}" for place, text in enumerate(texts)]
    (folder / "drd2.csv").write_text("\n".join(["smiles,active", *labels]) + "\n")
    made = []
    for text in texts[:10]:
        made.append(Chem.AddHs(Chem.MolFromSmiles(text)))
        assert rdDistGeom.EmbedMolecule(made[-1], randomSeed=1) == 0
    with Chem.SDWriter(str(folder / "structures.sdf")) as file:
        for molecule in made:
            file.write(molecule)
    part = Chem.AddHs(Chem.MolFromSmiles("C1CO1"))
    rdDistGeom.EmbedMolecule(part, randomSeed=3)
    (folder / "part.sdf").write_text(Chem.MolToMolBlock(Chem.RemoveHs(part)) + "$$$$\n")


def proteins(folder: Path) -> None:
    """A small family in place of beta-lactamase's, its measured variants, and a table of variants of GB1."""
    from sciencegen.domains.proteins.items import decode_rows
    from tests.domains.proteins.examples import family

    rows = decode_rows(family(np.random.default_rng(0), 200, 20))
    names = ["FOCUS/24-43", *(f"r{number}" for number in range(1, 200))]
    (folder / "data").mkdir()
    text = "".join(f">{name}\n{row}\n" for name, row in zip(names, rows, strict=True))
    (folder / "data" / "BLAT_ECOLX.a2m").write_text(text)
    letters = "ACDEFGHIKLMNPQRSTVWY"
    changes = [f"{rows[0][i]}{24 + i}{x},{-(i + j) % 7 / 2}" for i in range(6) for j, x in enumerate(letters)]
    kept = [one for one in changes if one[0] != one.split(",")[0][-1]]
    (folder / "data" / "BLAT_ECOLX_Stiffler2015.csv").write_text("\n".join(["mutant,log_fitness", *kept]) + "\n")
    wild_type, first = "QYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE", 2
    plate = [f"{wild_type[i]}{first + i}{x}" for i in range(37, 43) for x in letters if x != wild_type[i]]
    plate = plate[:30] + [
        f"{one}:{other}" for one, other in zip(plate[:30], plate[60:90], strict=True) if one[1:-1] != other[1:-1]
    ]
    lines = [f"{name},{place % 9 / 3:.2f}" for place, name in enumerate(plate)]
    (folder / "plate.csv").write_text("\n".join(["mutant,fitness", *lines]) + "\n")
    (folder / "variants.csv").write_text("mutant\nV39A\nD40N\n")
    small = "{settings: {members: 1, hidden: 16, latent: 2}, training: {steps: 30, warmup_steps: 5}}"
    in_process(
        shlex.split(f"sciencegen train proteins --alignment data/BLAT_ECOLX.a2m --settings '{small}' -o runs/family")
    )


def galaxies(folder: Path) -> None:
    from sciencegen.domains.galaxies import DOMAIN
    from sciencegen.domains.galaxies.survey import SurveySettings, simulate

    made = [one.observed for one in simulate(SurveySettings(side=64), 0, 0, 12)]
    (folder / "my-stamps").mkdir()
    places = {"y": [100.0 * number for number in range(len(made))]}
    DOMAIN.items.write(folder / "my-stamps" / "night.fits", made, [one.name for one in made], places)
    write_field(folder / "field.fits")
    (folder / "sources.csv").write_text(positions())
    (folder / "sky.csv").write_text("ra,dec\n150.1,-2.2\n10:00:24.1,-02:12:01\n")


def arrays(folder: Path) -> None:
    """A table of a user's own, and one with a measured column."""
    generator = np.random.default_rng(0)
    price, rooms, visits = generator.lognormal(1, 0.4, 120), generator.integers(1, 6, 120), generator.poisson(4, 120)
    lines = [
        f"{price[at]:.2f},{rooms[at]},{('Oslo', 'Bergen')[at % 2]},{visits[at] if at % 7 else ''}" for at in range(120)
    ]
    (folder / "table.csv").write_text("\n".join(["price,rooms,city,visits", *lines]) + "\n")
    generator = np.random.default_rng(0)
    labels, images = np.array(["three", "four"] * 20), generator.integers(0, 17, (40, 4, 5))
    np.savez(folder / "digits.npz", image=images, label=labels)
    kinds = np.array(["left", "right"] * 20)
    np.savez(folder / "trials.npz", spikes=generator.poisson(3, (40, 6, 5)), kind=kinds)
    with h5py.File(folder / "trials.h5", "w") as file:
        file["spikes"], file["position"] = generator.poisson(3, (40, 6)), generator.normal(size=(40, 6, 2))
    measured = [f"{line},{price[at] + at % 2:.3f}" for at, line in enumerate(lines)]
    (folder / "measured.csv").write_text("\n".join(["price,rooms,city,visits,yield", *measured]) + "\n")


OWN_FILES: dict[str, Callable[[Path], None]] = {
    "molecules.md": molecules, "predictors.md": molecules, "proteins.md": proteins, "galaxies.md": galaxies,
    "arrays.md": arrays,
}  # fmt: skip
"""Pages whose commands read files of the user's own, or of a dataset that is not committed."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=pytest.mark.long if page.name == "quickstart.md" else ())
        if page.name in EVERY_RUN
        else pytest.param(page, id=page.name, marks=pytest.mark.slow)
        for page in PAGES
    ],
)
def test_page_runs(page, tmp_path, monkeypatch, tiny_draws, quick_restoration):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    OWN_FILES.get(page.name, lambda folder: None)(tmp_path)
    if page.name == "predictors.md":
        proteins(tmp_path)
    known = set(sys.modules)
    for block in blocks(page):
        run(block)
    for name in set(sys.modules) - known:  # modules of this page's user, such as `mine`, aren't another test's
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def test_every_verb_is_run():
    """By the pages that belong to every run: each verb of the command line but the workflow."""
    from sciencegen.cli.commands import BUILT_IN

    shown = [
        s for page in PAGES if page.name in EVERY_RUN for b in blocks(page) if not b.slow for s in statements(b.text)
    ]
    verbs = set(BUILT_IN) - {"run"}
    assert {verb for verb in verbs if not any(s.startswith(f"sciencegen {verb}") for s in shown)} == set()


def test_settings_become_tiny():
    assert tiny("sciencegen optimize molecules -n 500 -o a.csv") == "sciencegen optimize molecules -n 3 -o a.csv"
    assert "steps=3" in tiny("sciencegen train molecules --data x --training steps=2000 -o y")
    assert tiny("awk 1 a.csv") == "awk 1 a.csv"

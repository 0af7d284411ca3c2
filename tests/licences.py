"""The licences of the libraries, the data and the weights, as the page docs/licences.md.

    python -m tests.licences > docs/licences.md     # or: make licences

Licences of libraries are what their packages in this environment state, those of datasets what their cards state.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from sciencegen.data.cards import Card, list_cards
from tests.versions import OF_TORCH, PYPROJECT, normalized, requirements

WEIGHTS = {
    "backbones": ("proteins/backbones",),
    "crystals": ("structures of the Materials Project, 2018",),
    "galaxies": ("galaxies/simulated-deep",),
    "galaxies-diffusion": ("galaxies/simulated-deep",),
    "galaxies-kids": ("stamps of KiDS and VIKING in ProFound's mosaic, and a simulation of them",),
    "molecules": (
        "drug-like molecules of ChEMBL, PubChem and USPTO",
        "molecules/moses",
        "molecules/zinc250k",
    ),
    "molecules-language-model": ("molecules/moses",),
    "molecules-moses": ("molecules/moses", "molecules/zinc250k"),
    "predictors/qm9-properties": ("molecules/qm9",),
    "qm9-conformers": ("molecules/qm9",),
    "qm9-joint": ("molecules/qm9",),
    "qm9-molecules": ("molecules/qm9",),
}
"""Folders of `sciencegen/pretrained`, and the datasets that they were trained on."""
WITHOUT_CARD = {
    "structures of the Materials Project, 2018": "CC BY 4.0 (Materials Project)",
    "drug-like molecules of ChEMBL, PubChem and USPTO": "CC BY-SA 3.0 (ChEMBL), public domain (PubChem), CC0 (USPTO)",
    "stamps of KiDS and VIKING in ProFound's mosaic, and a simulation of them": "CC BY 4.0 (ESO: KiDS, VIKING)",
}
"""Licences of data that no card fetches."""
FILES = {
    "compression/predictors.npz": (
        "predictors of pixels, trained on galaxies/simulated-deep, simulated surveys and stamps of KiDS and VIKING",
        "CC0-1.0 (simulation); CC BY 4.0 (ESO: KiDS, VIKING)",
    ),
    "browser/page/regl-scatterplot.min.js": (
        "regl-scatterplot 1.16.0 and what it needs, bundled by esbuild: regl 2.1.1, regl-line, camera-2d-simple, "
        "dom-2d-camera, gl-matrix, pub-sub-es, @flekschas/utils; earcut, KDBush",
        "MIT; earcut and KDBush ISC; in `regl-scatterplot-LICENSES.txt` next to it",
    ),
    "domains/crystals/distances.csv": (
        "least distances of pairs of elements in structures of the Materials Project (first percentile, less 3%)",
        "CC BY 4.0 (Materials Project)",
    ),
    "domains/crystals/elements.csv": (
        "data of the elements of pymatgen; oxidation states of SMACT; covalent radii of Cordero et al. (2008)",
        "MIT (pymatgen), MIT (SMACT)",
    ),
    "domains/molecules/references/moses_*.npz": (
        "statistics of MOSES: molecules/moses",
        "MIT; means of the activations of ChemNet, which the library fcd ships",
    ),
    "domains/molecules/references/moses_filters.csv": (
        "filters of MOSES; PAINS filters of RDKit",
        "MIT (MOSES), BSD-3-Clause (RDKit)",
    ),
    "domains/molecules/references/ring_systems.csv.gz": (
        "counts of ring systems in molecules of ChEMBL, PubChem and USPTO",
        "CC BY-SA 3.0 (ChEMBL); public domain (PubChem); CC0 (USPTO)",
    ),
    "domains/molecules/sa_fragments.npz": ("fragment contributions of RDKit (Novartis)", "BSD-3-Clause"),
    "domains/molecules/synthesis/reactions.tsv": (
        "91 reactions of Hartenfeller et al. (2011) and Button et al. (2019), as SynNet has them",
        "MIT (SynNet)",
    ),
    "report/3Dmol-min.js": ("3Dmol.js 2.5.5", "BSD-3-Clause, in `3Dmol-LICENSE.txt` next to it"),
}
"""Other files of the package that come from elsewhere: what they are, and the licence."""

PAGE = """\
# Licences

sciencegen is under the [MIT licence](../LICENSE). This page lists what it uses and what it ships. It repeats what
packages and dataset cards say, is written by `make licences`, and is not legal advice.

## Libraries

Installed by pip, not shipped. Those that `pyproject.toml` names:

{direct}

Those that they need in turn, on Linux, without the CUDA libraries of torch (NVIDIA's own licence):

{transitive}

## Datasets

The sample is in the repository and in the wheel. A dataset without one is downloaded, or simulated, by who uses it.

{datasets}

## Weights

Shipped in `sciencegen/pretrained`, under the MIT licence of sciencegen. The data that they were trained on have the
terms of the table above.

{weights}

## Other files

Shipped in `sciencegen/`, from elsewhere:

{files}
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def stated_licence(package: Distribution) -> str:
    """What the metadata of a package says: its expression, its short text, its classifiers, else the title of its
    licence's text."""
    fields = package.metadata
    text = fields.get("License") or ""
    classifiers = [name.split(" :: ")[-1] for name in fields.get_all("Classifier", []) if "License :: OSI" in name]
    short = text.strip() if "\n" not in text.strip() and len(text) < 80 else ""
    named = fields.get("License-Expression") or short or ", ".join(classifiers)
    return named or title_of(text or _licence_file(package))


def title_of(text: str) -> str:
    """The first paragraph of a licence's text in one line."""
    return " ".join(text.strip().split("\n\n")[0].split()) or "not stated"


def _licence_file(package: Distribution) -> str:
    files = [file for file in package.files or () if re.match(r"(?i)licen[cs]e|copying", file.name)]
    return files[0].read_text() if files else ""


def needed(lines: Iterable[str], found: dict[tuple[str, str], Distribution] | None = None) -> dict[str, Distribution]:
    """The packages that requirements need in this environment, and what these need in turn, by name."""
    found = {} if found is None else found
    for requirement in map(Requirement, lines):
        name = normalized(requirement.name)
        for extra in sorted({"", *requirement.extras}):
            if (name, extra) in found or OF_TORCH.match(name):
                continue
            try:
                found[name, extra] = distribution(name)
            except PackageNotFoundError:  # one that only other systems need
                break
            needed(required_by(found[name, extra], extra), found)
    return {name: package for (name, _), package in found.items()}


def required_by(package: Distribution, extra: str = "") -> list[str]:
    """What a package with this extra requires in this environment, without versions."""
    rows = map(Requirement, package.requires or ())
    rows = [row for row in rows if row.marker is None or row.marker.evaluate({"extra": extra})]
    return [f"{row.name}[{','.join(sorted(row.extras))}]" for row in rows]


def rows_of_libraries() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Names and licences of the direct dependencies, and of those that these need."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    lines = requirements(project, ["all"])
    direct = {normalized(Requirement(line).name) for line in lines}
    rows = [(name, stated_licence(package)) for name, package in sorted(needed(lines).items())]
    return [row for row in rows if row[0] in direct], [row for row in rows if row[0] not in direct]


def row_of_dataset(card: Card) -> tuple[str, str, str, str]:
    """A card's name with a link, its sample, its licence and its home."""
    sample = f"{sum(sample.rows for sample in card.samples.values()):,} rows" if card.samples else "none"
    link = f"[{card.full_name}](../datasets/{card.full_name}/card.yaml)"
    return link, sample, card.licence.strip().rstrip("."), card.home


def page() -> str:
    """The text of docs/licences.md."""
    direct, transitive = rows_of_libraries()
    cards = {card.full_name: card for card in list_cards()}
    licences = WITHOUT_CARD | {name: card.licence.strip().rstrip(".") for name, card in cards.items()}
    weights = [
        (f"`{name}`", ", ".join(sets), "; ".join(licences[one] for one in sets)) for name, sets in WEIGHTS.items()
    ]
    return PAGE.format(
        direct=table(("package", "licence"), direct),
        transitive=table(("package", "licence"), transitive),
        datasets=table(("dataset", "sample", "licence", "home"), map(row_of_dataset, cards.values())),
        weights=table(("weights", "trained on", "licence of the data"), weights),
        files=table(("file", "what", "licence"), [(f"`{name}`", *row) for name, row in FILES.items()]),
    )


if __name__ == "__main__":
    print(page(), end="")

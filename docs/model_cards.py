"""The pages of shipped models: their cards with the front matter of the Hugging Face Hub, a picture, and a command.

`python docs/model_cards.py FOLDER` writes a README.md for each model, beside which its files may go to a hub.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
PICTURES = {
    "molecules": "logp",
    "backbones": "backbones",
    "galaxies": "stamps",
    "galaxies-kids": "kids",
    "crystals": "crystals",
    "qm9-molecules": "structures",
}
"""Model -> its picture in the gallery."""
TRAINED_ON = re.compile(r"^\| `(?:predictors/)?([\w-]+)` \| ([^|]+) \|", re.MULTILINE)


def front_matter(card: Path) -> dict[str, Any]:
    """Licence of the weights, datasets by name, and the numbers of metrics.json as the Hub's model-index."""
    config = yaml.safe_load((card.parent / "config.yaml").read_text("utf-8"))
    numbers = json.loads((card.parent / "metrics.json").read_text("utf-8"))
    table = (REPOSITORY / "docs" / "licences.md").read_text("utf-8").partition("## Weights")[2]
    data = [one.strip() for one in dict(TRAINED_ON.findall(table))[card.parent.name].split(", ")]
    named = [one for one in data if (REPOSITORY / "datasets" / one).is_dir()]
    metrics = [
        {"type": name, "name": name.replace("_", " "), "value": value}
        for name, value in numbers.items()
        if isinstance(value, float)
    ]
    found: dict[str, Any] = {
        "license": "mit",
        "library_name": "sciencegen",
        "tags": ["sciencegen", config["domain"], *([config["recipe"]] if "recipe" in config else [])],
    }
    if named:
        found["datasets"] = [one.partition("/")[2] for one in named]
    if metrics:
        found["metrics"] = [one["type"] for one in metrics]
        task = {"type": "other", "name": f"generation of {config['domain']}" if "recipe" in config else "prediction"}
        where = {"type": data[0].rpartition("/")[2].replace(" ", "-").lower(), "name": data[0]}
        result = {"task": task, "dataset": where, "metrics": metrics}
        found["model-index"] = [{"name": card.parent.name, "results": [result]}]
    return found


def rendered(card: Path) -> str:
    """The page of a model: front matter, title, picture, command, and the card."""
    title, _, text = card.read_text("utf-8").partition("\n")
    name, config = card.parent.name, yaml.safe_load((card.parent / "config.yaml").read_text("utf-8"))
    picture = f"![Draws of {name}](../../../docs/gallery/{PICTURES[name]}.webp)\n\n" if name in PICTURES else ""
    command = f"sciencegen generate {config['domain']} --model {name} -n 8 -o draws.csv"
    if name == "qm9-conformers":  # it places atoms of what another model draws
        command = f"sciencegen generate molecules --complete {name} -n 8 -o draws.sdf"
    use = f"```bash\n{command}\n```\n\n" if "recipe" in config else ""
    head = yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{title}\n\n{picture}{use}{text.lstrip()}"


def main(folder: str) -> None:
    """Write the page of each shipped model, its links to the repository as they are there."""
    for card in sorted((REPOSITORY / "sciencegen" / "pretrained").rglob("card.md")):
        target = Path(folder) / card.parent.name / "README.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rendered(card), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

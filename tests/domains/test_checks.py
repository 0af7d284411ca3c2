"""That each broken part is told by the law that it breaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from pointclouds import CODEC, FAR, PROPERTIES

from sciencegen.domains import load_domain
from sciencegen.domains.arrays import ArrayRepresentation
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import (
    BlockMoves,
    CodedFiles,
    Cutouts,
    Design,
    MetricNote,
    Objects,
    Observation,
    Orders,
    Pictures,
    ReferenceSets,
    Sidecar,
    Structures,
)
from sciencegen.domains.checks import LAWS, ContractError, check_domain
from sciencegen.domains.laws import is_picture
from sciencegen.errors import ConfigError, SciencegenError, unknown_name
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import FunctionOracle
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings
from tests.domains.contract_examples import examples

TOY, PROTEINS, ALIGNED, BACKBONES = (
    load_domain(name) for name in ("pointclouds", "proteins", "proteins/aligned", "proteins/structures")
)
RECIPE = TOY.recipes["autoencoder"]
ORIGIN = TOY.items.parse("0 0;0 0;0 0;0 0;0 0")


class Deaf(ArrayRepresentation):
    """A representation that takes no condition for zero."""

    def condition(self, values):
        return np.zeros(1)


@dataclass(frozen=True)
class Blur:
    """An instrument that forgets how wide it is."""

    width: float

    def observed(self, items, seed):
        return [item + self.width for item in items]

    def to_json(self):
        return {}


def other(domain: Domain, path: str, value: object) -> Domain:
    """The domain with another part, or another field of a part (`items.text`)."""
    part, _, field = path.partition(".")
    return replace(domain, **{part: replace(vars(domain)[part], **{field: value}) if field else value})


def recipe(**changes) -> dict:
    return {"autoencoder": replace(RECIPE, **changes)}


def closed_space(measured=(), **options):
    return SimpleNamespace(origin=ORIGIN, accepts=lambda item: False)


def zero_oracle(name: str) -> FunctionOracle:
    return FunctionOracle(name, lambda item: 0.0, PROPERTIES[name].unit, PROPERTIES[name].direction)


def deaf(texts, values, names) -> Deaf:
    return Deaf(**vars(CODEC.fit(texts, values, names)))


def draws_on_its_own(item, generator):
    return TOY.moves.mutate(item, np.random.default_rng())


LETTERS = PROTEINS.pictures.letters


def forgets_how(blocks, names, steps):
    """Moves over items made from blocks that don't say how each is made."""
    move = TOY.moves.mutate
    return BlockMoves(
        draw=lambda count, generator: [blocks[0]] * count, mutate=move, edit=move,
        recombine=lambda item, other, generator: item, nearest=lambda item, count: [],
        analogues=lambda item, count: ([], {"how": []}), enter=lambda text: Refusal("unknown"),
        columns=lambda items: {"how": []}, materials=lambda item: None,
    )  # fmt: skip


def makes_others(blocks, names, steps):
    """Moves over items made from blocks whose text of how one is made gives another one."""
    return replace(
        forgets_how(blocks, names, steps), columns=lambda items: {"how": ["join"] * len(items)},
        enter=lambda text: blocks[1],
    )  # fmt: skip


def refusing(representation, settings):
    raise ConfigError("Expected a series, got none. Name one.")


BREACHES = [
    ("name", "a domain has a name", TOY, "name", "a/b"),
    ("name", "a domain has a name", TOY, "name", "Time Series!"),
    ("items.parse", "examples are items", TOY, "items.parse", lambda text: Refusal("no item")),
    ("items.parse", "the item again", TOY, "items.text", lambda item: TOY.items.text(item + 1)),
    ("items.parse", "text is refused", TOY, "items.parse", lambda text: TOY.items.parse(text) if text else ORIGIN),
    ("items.text", "one cell", TOY, "items.text", lambda item: TOY.items.text(item) + "\n"),
    ("items.formats", "formats", TOY, "items.formats", ("csv",)),
    ("items.read", "texts and numbers", TOY, "items.read", lambda path, column: iter(())),
    ("items.write", "read again", TOY, "items.write", lambda path, items, names, values, origin=None: None),
    ("items.given", "are properties", TOY, "items.given", frozenset({"mass"})),
    ("items.labels", "is text", TOY, "items.labels", {"kind": lambda name: None}),
    ("items.simulate", "of its own", TOY, "items.simulate", lambda settings, seed, start, stop: [(str(stop), {})] * 2),
    ("properties", "its own name", TOY, "properties", PROPERTIES | {"radius": replace(PROPERTIES["radius"], low=9.0)}),
    ("measure", "a row for each item", TOY, "measure", lambda items, names: np.zeros(len(items))),
    ("measure", "from its item alone", TOY, "measure",
     lambda items, names: np.arange(len(items) * len(names), dtype=float).reshape(len(items), len(names))),
    ("measure", "possible", PROTEINS, "measure", lambda items, names: np.full((len(items), len(names)), -1e9)),
    ("measure", "the property's oracle scores it", TOY, "measure",
     lambda items, names: np.full((len(items), len(names)), np.nan)),
    ("recipes", "its own name", TOY, "recipes", {"other": RECIPE}),
    ("recipes", "its own name", TOY, "recipes", recipe(settings=Domain)),
    ("recipes", "conditions are", TOY, "recipes", recipe(conditions=("mass",))),
    ("similarity.matrix", "a row for each item", TOY, "similarity.matrix", lambda items, others: np.ones(len(items))),
    ("similarity.matrix", "in 0..1", TOY, "similarity.matrix",
     lambda items, others: np.full((len(items), len(others)), 2.0)),
    ("similarity.nearest", "the maximum", TOY, "similarity.nearest", lambda items, others: np.zeros(len(items))),
    ("similarity.maximum", "at most 1", TOY, "similarity.maximum", 0.0),
    ("similarity.classes", "a text for each", TOY, "similarity.classes", {"halves": lambda items: ["left"]}),
    ("similarity.classes", "from the item alone", TOY, "similarity.classes",
     {"places": lambda items: [str(place) for place in range(len(items))]}),
    ("oracles.names", "every property", TOY, "oracles.names", lambda: []),
    ("oracles.find", "name, unit and direction", TOY, "oracles.find", lambda name: FAR),
    ("oracles.find", "scores what", TOY, "oracles.find", zero_oracle),
    ("oracles.find", "an unknown name", TOY, "oracles.find",
     lambda name: TOY.oracles.find(name) if name in PROPERTIES else FAR),
    ("regression.features", "finite row", TOY, "regression.features", lambda items: np.full((len(items), 2), np.nan)),
    ("regression.groups", "a text for each", TOY, "regression.groups", lambda items: []),
    ("regression.fit", "once loaded", PROTEINS, "regression.load", None),
    ("regression.splits", "a label for each", PROTEINS, "regression.splits",
     {"positions": lambda items, fitted: "none"}),
    ("evaluate", "finite numbers", TOY, "evaluate", lambda samples, reference, training: {"valid": np.nan}),
    ("render", "an SVG element", TOY, "render", lambda item, width, height: "a picture"),
    ("render", "an SVG element", TOY, "render", lambda item, width, height: "<svg"),
    ("moves", "gives items", TOY, "moves.mutate", lambda item, generator: item * np.nan),
    ("moves", "gives items", TOY, "moves.edit", lambda item, generator: Refusal("never")),
    ("moves", "one seed", TOY, "moves.mutate", draws_on_its_own),
    ("moves.from_blocks", "a cell in each column", TOY, "moves.from_blocks", forgets_how),
    ("moves.from_blocks", "makes them again", TOY, "moves.from_blocks", makes_others),
    ("moves.constraint", "accept every item", TOY, "moves.constraint",
     lambda keep, forbid, reference: lambda item: False),
    ("variants", "names of single changes", PROTEINS, "variants.name_of", lambda reference, item: "WT"),
    ("design.space", "accepts its origin", TOY, "design", Design(space=closed_space)),
    ("design", "a set of marks", PROTEINS, "design.marks", lambda items, origin: []),
    ("observation", "a loaded instrument", TOY, "observation",
     Observation(fit=lambda items: Blur(1.0), load=lambda data: Blur(2.0))),
    ("sidecar.text_at", "the text of each item", TOY, "sidecar",
     Sidecar(ending=".csv", cell=lambda item: "", text_at=lambda path, number: TOY.items.text(ORIGIN))),
    ("structures.points", "numbers [point]", TOY, "structures", Structures(points=lambda items: [])),
    ("sequences.assign", "its own sequence", BACKBONES, "sequences.assign", lambda item, sequence, keep: Refusal("no")),
    ("pictures.render_alike", "for each item", TOY, "pictures", Pictures(render_alike=lambda items, width, height: [])),
    ("pictures.letters", "one class", PROTEINS, "pictures", Pictures(letters=replace(LETTERS, classes={"any": "AA"}))),
    ("reference_sets", "MetricNote", TOY, "reference_sets", ReferenceSets(notes={"valid": MetricNote("", "up")})),
    ("form", "plain items", ALIGNED, "form.plain", lambda item: item),
    ("objects", "the item again", TOY, "objects", Objects(kinds="any", text=lambda given: None, of=lambda item: item)),
    ("objects", "other objects have no text", PROTEINS, "objects.text", lambda given: "MKV"),
    ("orders", "a cell in each column", TOY, "orders",
     Orders(check=lambda options: None, columns=lambda options: ("a", "b"), cells=lambda item, options: {"a": "x"})),
    ("orders", "always the same", TOY, "orders",
     Orders(check=lambda options: None, columns=lambda options: ("a",),
            cells=lambda item, options: {"a": str(np.random.default_rng().random())})),
    ("coded_files", "are its bytes", TOY, "coded_files",
     CodedFiles(formats=(".csv",), parts=lambda path: iter([b"other bytes"]))),
    ("cutouts", "raised by the call", TOY, "cutouts",
     Cutouts(formats=(".csv",), cut=lambda image, catalogue, settings: iter(()))),
    ("forms", "leads to a form", TOY, "forms", {"other": "sciencegen.domains.proteins:DOMAIN"}),
    ("recipes.fit", "encodes and decodes", TOY, "recipes", recipe(fit=lambda texts, values, names: None)),
    ("recipes.load_representation", "inverse", TOY, "recipes",
     recipe(load_representation=lambda data: CODEC.load(data | {"values": [[0.0] * 10, [1.0] * 10]}))),
    ("recipes.fit", "a number for each property", TOY, "recipes", recipe(fit=deaf)),
    ("recipes.build", "a finite loss", TOY, "recipes",
     recipe(build=lambda representation, settings: ArrayVAE(9, 1, ArrayVAESettings(latent=4)))),
    ("recipes.build", "encodes, samples", TOY, "recipes", recipe(build=refusing)),
]  # fmt: skip
"""(part, words of the law, domain, what of it is replaced, by what)."""


@pytest.mark.long
@pytest.mark.parametrize(("part", "law", "domain", "path", "value"), BREACHES, ids=[f"{b[0]}-{b[1]}" for b in BREACHES])
def test_a_broken_part_is_told(part, law, domain, path, value):
    models = part == "recipes.build"
    with pytest.raises(ContractError, match=r"breaks the contract\. Expected that .* got ") as found:
        check_domain(other(domain, path, value), examples(domain.name), models=models)
    assert found.value.part == part
    assert law in found.value.law
    assert found.value.remedy
    assert isinstance(found.value, SciencegenError)


def test_every_law_is_broken_above():
    broken = {
        (known.part, known.law)
        for known in LAWS
        for part, law, *_ in BREACHES
        if known.part == part and law in known.law
    }
    assert broken == {(known.part, known.law) for known in LAWS}


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"name": "width"}, "name='width' under the key 'radius', expected equal names"),
        ({"low": 9.0}, "low=9 and high=3 of radius, expected low < high"),
        ({"possible": (1.0, 0.0)}, r"possible=\(1.0, 0.0\) of radius, expected \(least, greatest\)"),
        ({"tolerance": -1.0}, "tolerance=-1 of radius, expected 0 or more"),
        ({"direction": "up"}, "direction='up' of radius, expected .*'maximize'"),
    ],
)
def test_the_wrong_field_of_a_property_is_told(changes, got):
    wrong = replace(PROPERTIES["radius"], **changes)
    with pytest.raises(ContractError, match=rf"got {got}.*\. Correct this field of the Property\."):
        check_domain(replace(TOY, properties={"radius": wrong}), examples("pointclouds"), models=False)


def test_a_message_of_an_error_has_one_full_stop():
    def find(name):
        raise unknown_name("property", "crosings", ["height"])

    with pytest.raises(ContractError, match=r"Known: height\. [A-Z]"):
        check_domain(other(TOY, "oracles.find", find), examples("pointclouds"), models=False)


@pytest.mark.parametrize(
    ("text", "right"),
    [("<svg></svg>", True), ("\n<svg viewBox=''>\n<g/></svg>\n", True), ("<svg/>", True), ('<img src="data:">', True),
     ("<svg", False), ("<svg>", False), ("<img", False), ("<svgs></svg>", False), (None, False)],
)  # fmt: skip
def test_a_picture_is_a_whole_element(text, right):
    assert is_picture(text) is right


def test_too_few_examples_are_told():
    with pytest.raises(ContractError, match="1 examples"):
        check_domain(TOY, examples("pointclouds")[:1])

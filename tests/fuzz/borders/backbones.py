"""Backbones of proteins: structure files of motifs and of chains to vary, contigs, symmetries, residues to keep, the
output of folding and design programs, and latents."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
import torch

from sciencegen.api.models.completion import read_latents
from sciencegen.api.science import domain_of
from sciencegen.api.sequences import Drawn, fitting
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones import files as writing
from sciencegen.domains.proteins.backbones import sequences as self_consistency
from sciencegen.domains.proteins.backbones.diffusion import motif_task, oligomer_task, variation_task
from sciencegen.domains.proteins.backbones.files import parse, read
from sciencegen.domains.proteins.backbones.inverse_folding import InverseFolding, design_sequences
from sciencegen.domains.proteins.backbones.items import Backbone, text
from sciencegen.domains.proteins.backbones.metrics import PROPERTIES, measure
from sciencegen.domains.proteins.backbones.motifs import FREE, check_numbers, kept_letters, kept_names
from sciencegen.errors import SciencegenError
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import chains
from tests.domains.proteins.backbones.tiny_model import fitted, tiny_model
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import STRANGE, damaged_bytes
from tests.fuzz.structure_damage import atoms_of, changing, written

ITEMS = chains()[3:6]
"""26, 28 and 30 residues; the model draws up to 34."""
MOTIF = "motif.pdb"
CONTIGS = ("3-9,A8-14,3-9", "2-4,A20-24,5-12,A3-8", "6,A8-14", "5,A9,5-8", "A1-5/3/B2-9/1-4", "[1-3,A2-20,1-3]")
SYMMETRIES = ("C2", "C3", "c2", "C24")
KEPT = ("10-20,25", "3", "5,7,9", "1-25", "-3-4", "12A", "2-4, 7")
PARTS = ("A", "-", ",", "/", "0", "1", "9", "99999", "999999", "-5", "B3", "A-3--1", "C", "C3", "D2", "Z", " ", "10-5",
         "3-3", "A5-9", "é", "٣", "52A", "A8-14,A8-14", "0-0", "00", "0-99999", "1e3", "nan", "[", "]")  # fmt: skip
MOST_JUDGED = 40
"""Residues of a chain that gets sequences, which is slow."""
Uses = Mapping[str, Callable[[], int]]


def words_of(examples: tuple[str, ...]) -> Callable[[bytes, str, Random], bytes]:
    """A mutation of short texts: damaged ones, and parts in any order."""

    def mutate(content: bytes, name: str, chooser: Random) -> bytes:
        one, kind = chooser.choice(examples).encode(), chooser.randrange(4)
        if kind == 0:
            return damaged_bytes(one, chooser)
        if kind == 1:
            return "".join(chooser.choices(PARTS, k=chooser.randint(1, 9))).encode()
        if kind == 2:
            return ",".join(chooser.choices((*PARTS, *examples), k=chooser.choice((1, 3, 40)))).encode()
        at = chooser.randrange(len(one) + 1)
        new = chooser.choice((*STRANGE, *(part.encode() for part in PARTS)))
        return one[:at] + new + one[at + chooser.choice((0, 1, 3)) :]

    return mutate


def make() -> Mapping[str, Source]:
    sound = {name: written([one for item, chain in zip(ITEMS, "ABC", strict=True) for one in atoms_of(item, chain)],
                           name).encode() for name in ("a.pdb", "a.cif", "a.pdb.gz", "a.cif.gz")}  # fmt: skip
    damage = changing(ITEMS)
    texts = {"contigs": CONTIGS, "symmetry": SYMMETRIES, "keep": KEPT}
    files = [("", "structure"), ("fold/", "fold")]
    return {
        **{
            f"{folder}{name}": Source(f"{folder}{name}", content, len(ITEMS), mutate=damage, more=more)
            for name, content in sound.items()
            for folder, more in files
        },
        **{
            name: Source(f"{name}.txt", examples[0].encode(), 1, mutate=words_of(examples), more=name)
            for name, examples in texts.items()
        },
        "design": Source("a.fasta", _designed(), 3, more="design"),
        "latents": Source("z.npz", _latents(), 2, more="latents"),
    }  # fmt: skip


def _designed() -> bytes:
    """Three sequences for the first backbone, which differ in the last letter."""
    return "".join(f">{letter}\n{ITEMS[0].sequence[:-1]}{letter}\n" for letter in "ACD").encode()


def _latents() -> bytes:
    buffer, generator = BytesIO(), np.random.default_rng(0)
    np.savez(buffer, latent=generator.normal(size=(2, tiny_model().latent_size)).astype(np.float32))
    return buffer.getvalue()


def prepare(folder: Path) -> None:
    writing.write(folder / MOTIF, [ITEMS[2]], ["motif"], {})
    (folder / "fold").mkdir()
    (folder / "fold" / "z.txt").write_text("a log")


def use(path: Path, source: Source) -> Found:
    if source.more == "fold":
        return fold(path.parent)
    if source.more == "design":
        return design(path)
    if source.more == "latents":
        return latents(path)
    if source.more == "structure":
        return structure(path)
    content = path.read_bytes().decode("utf-8", "replace")
    motif = str(path.parent / MOTIF)
    uses: Uses = {
        "contigs": lambda: _motif(motif, content),
        "symmetry": lambda: oligomer_task(tiny_model(), TaskSettings(symmetry=content)).copies,
        "keep": lambda: keep(content),
    }
    return tried([uses[source.more]])


def tried(uses: list[Callable[[], int]]) -> Found:
    """Each use reads something, or is refused."""
    read_count, reasons = 0, []
    for one in uses:
        try:
            one()
            read_count += 1
        except SciencegenError as error:
            reasons.append(str(error))
    return Found(read_count, reasons)


def _motif(path: str, contigs: str | None) -> int:
    """Layouts keep the motif, and their lengths are those that the model can draw."""
    task = motif_task(tiny_model(), TaskSettings(scaffold=path, contigs=contigs))
    assert np.isfinite(task.motif.coordinates[:, :3]).all()
    for seed in range(3):
        free = task.lengths.draw(np.random.default_rng(seed))
        assert task.lengths.shortest <= sum(free) + len(task.motif) <= task.lengths.longest
        assert all(one.shortest <= size <= one.longest for one, size in zip(task.motif.free, free, strict=True))
    return len(task.motif)


def keep(content: str) -> int:
    check_numbers(content)
    found = kept_letters(ITEMS[0], content)
    if isinstance(found, Refusal):
        assert kept_names(ITEMS[0], content) == found
        return 0
    assert len(found) == len(ITEMS[0])
    assert all(letter in (FREE, own) for letter, own in zip(found, ITEMS[0].sequence, strict=True))
    return len(str(kept_names(ITEMS[0], content)).split())


def structure(path: Path) -> Found:
    """The items of a file, and what takes it as a motif or as chains to vary."""
    tasks: list[Callable[[], int]] = [
        lambda: _motif(str(path), None),
        lambda: _motif(str(path), "2-9,A8-12,2-9"),
        lambda: len(variation_task(tiny_model(), TaskSettings(vary=str(path))).places),
        lambda: len(variation_task(tiny_model(), TaskSettings(vary=f"{path}:A")).places),
    ]
    told = tried(tasks).reasons
    items = [parse(row.text) for row in read(path)]
    for item in items:
        if isinstance(item, Backbone):
            read_again(item, path.parent)
            judge(item)
    reasons = [item.reason for item in items if isinstance(item, Refusal)]
    return Found(sum(isinstance(item, Backbone) for item in items), [*reasons, *told])


def read_again(item: Backbone, folder: Path) -> None:
    """An item's text gives the item; a file of it gives the same chain, in PDB format with at most other numbers."""
    again = parse(text(item))
    assert isinstance(again, Backbone), again
    assert text(again) == text(item)
    for name in ("back.pdb", "back.cif"):
        try:
            writing.write(folder / name, [item], ["name"], {})
            found = [parse(row.text) for row in read(folder / name)]
            assert len(found) == 1, found
            assert isinstance(found[0], Backbone), found
            assert found[0].sequence == item.sequence
            assert np.array_equal(found[0].coordinates, item.coordinates)
            assert name.endswith(".pdb") or (found[0].numbers, found[0].chain) == (item.numbers, item.chain)
        finally:
            (folder / name).unlink(missing_ok=True)


@cache
def network() -> InverseFolding:
    """With random weights."""
    torch.manual_seed(0)
    return InverseFolding(neighbours=8).eval().requires_grad_(False)


def judge(item: Backbone) -> None:
    """Properties and the perplexity are numbers."""
    assert np.isfinite(measure([item], list(PROPERTIES))).all()
    if len(item) <= MOST_JUDGED:
        found = design_sequences(item.coordinates, 1, network=network())
        assert len(found.sequences[0]) == len(item)
        assert np.isfinite(found.perplexity).all()


def fold(folder: Path) -> Found:
    """The folder of a folding program. Values are numbers, and distances are no less than 0."""
    found = self_consistency.read_predicted(folder, [item.sequence for item in ITEMS])
    compared = [one if isinstance(one, Refusal) else self_consistency.compare(item, one)
                for item, one in zip(ITEMS, found, strict=True)]  # fmt: skip
    values = [one for one in compared if not isinstance(one, Refusal)]
    assert all(one["sc_rmsd"] >= 0 for one in values), values
    assert all(math.isnan(one["plddt"]) or 0 <= one["plddt"] <= 100 for one in values), values
    return Found(len(values), [one.reason for one in compared if isinstance(one, Refusal)])


def design(path: Path) -> Found:
    """The output of a design program, for a backbone of 26 residues."""
    texts = [(row.text, None) for row in domain_of("proteins").items.read(path, None)]
    found = fitting("proteins/structures", ITEMS[0], texts, "3,5")
    return Found(0, [found.reason]) if isinstance(found, Refusal) else _of_drawn(found)


def _of_drawn(found: Drawn) -> Found:
    return Found(len(found.sequences), [reason for _, reason in found.refused])


def latents(path: Path) -> Found:
    with torch.inference_mode():
        drawn = tiny_model().decode(torch.from_numpy(read_latents(path, tiny_model().latent_size)[:2]), None)
        items = fitted().decode(drawn)
    assert all(isinstance(one, Refusal) or np.isfinite(one.coordinates).all() for one in items)
    reasons = [one.reason for one in items if isinstance(one, Refusal)]
    return Found(len(items) - len(reasons), reasons)


BORDER = Border("backbones", make, use, prepare)

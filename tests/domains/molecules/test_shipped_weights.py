"""The weights that come with the package: small, loadable, nearly lossless on held-out molecules, and obedient to a
degree."""

import json
from itertools import islice

import numpy as np
import pytest
import torch

import sciencegen as sg
from sciencegen.api.generate import generate
from sciencegen.api.models.folder import WEIGHTS, find_model, load_model
from sciencegen.data.cards import load_card
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN
from sciencegen.items import Refusal

HELD_OUT = 100
STRUCTURES = load_domain("molecules/structures")


@pytest.fixture(scope="module")
def space():
    return sg.load("molecules", device="cpu")


@pytest.fixture(scope="module")
def held_out():
    rows = load_card("molecules/moses").sample_rows(DOMAIN.items.read)["test"]
    return [DOMAIN.items.text(DOMAIN.items.parse(row.text)) for row in islice(rows, HELD_OUT)]


def test_they_are_small_and_have_a_card():
    folder = find_model("molecules", None)
    assert (folder / WEIGHTS).stat().st_size <= 25e6
    assert "moses" in (folder / "card.md").read_text().lower()
    assert json.loads((folder / "representation.json").read_text())["format"] == 1


@pytest.mark.long
def test_held_out_molecules_come_back(space, held_out):
    assert np.mean([a == b for a, b in zip(space.decode(space.encode(held_out)), held_out, strict=True)]) >= 0.98


CHEMISTRY = (
    "C[C@H](N)C(=O)O",  # alanine
    "CN1CCC[C@H]1c1cccnc1",  # nicotine
    "C[N+](C)(C)CCO",  # choline
    "O=[N+]([O-])c1ccccc1",
    "OB(O)c1ccccc1",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",  # penicillin G
    "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",  # atorvastatin
)


def test_charges_stereochemistry_and_rarer_elements_are_read(space):
    canonical = [DOMAIN.items.text(DOMAIN.items.parse(text)) for text in CHEMISTRY]
    back = space.decode(space.encode(canonical))
    assert sum(a == b for a, b in zip(back, canonical, strict=True)) >= 5


def test_draws_use_the_latent(space):
    noise = np.random.default_rng(0).standard_normal((64, space.size), dtype=np.float32)
    texts = ["" if isinstance(item, Refusal) else space.text(item) for item in space.generate_items(noise)]
    assert len({*texts} - {""}) >= 62


@pytest.mark.long
def test_a_small_step_stays_near_and_a_large_one_goes_far(space, held_out):
    latents = space.encode(held_out[:30])
    noise = np.random.default_rng(0).standard_normal(latents.shape).astype(np.float32)
    start = [DOMAIN.items.parse(text) for text in held_out[:30]]

    def similarity(radius):
        moved = space.decode_items(np.sqrt(1 - radius**2) * latents + radius * noise)
        pairs = [(a, b) for a, b in zip(start, moved, strict=True) if not isinstance(b, Refusal)]
        return np.mean([DOMAIN.similarity.matrix([a], [b])[0, 0] for a, b in pairs])

    assert similarity(0.1) > 0.6
    assert similarity(0.1) > similarity(0.3) > similarity(1.0)


@pytest.mark.long
def test_asking_for_more_gives_more(space, tiny_draws):
    means = []
    for asked in (0.0, 4.0):
        items = space.decode_items(space.sample(16, seed=0, condition={"logp": asked}))
        means.append(DOMAIN.measure([item for item in items if hasattr(item, "GetNumAtoms")], ["logp"]).mean())
    assert means[1] - means[0] > 2.0


@pytest.mark.long
def test_qm9_molecules_get_sound_coordinates(tmp_path, tiny_draws):
    """One command goes from a property to a file of structures, nearly all by diffusion."""
    from rdkit import Chem

    sg.generate("molecules", 12, model="qm9-molecules", where="gap=6.5", threads=1).write(tmp_path / "out.sdf")
    made = list(Chem.SDMolSupplier(str(tmp_path / "out.sdf"), removeHs=False))
    methods = [one.GetProp("structure") for one in made]
    assert len(made) == 12
    assert all(one.GetConformer().Is3D() for one in made)
    assert sum(method.startswith("diffusion") for method in methods) >= 11
    for name in ("qm9-molecules", "qm9-conformers"):
        folder = find_model("molecules", name)
        assert (folder / WEIGHTS).stat().st_size <= 10e6
        assert "qm9" in (folder / "card.md").read_text().lower()


def test_the_predictor_of_quantum_chemistry_has_a_name_and_knows_the_ground():
    """By its name, on structures of QM9's own test sample, far better than guessing the mean."""
    from sciencegen.api.predictors.folder import load_predictor

    rows = list(islice(load_card("molecules/qm9").sample_rows(STRUCTURES.items.read)["test"], 60))
    trained = load_predictor("molecules", "qm9-properties")
    items = [STRUCTURES.items.parse(row.text) for row in rows]
    for name in ("gap", "polarizability", "cv"):
        values = np.array([row.values[name] for row in rows])
        found = np.array([score.value for score in trained.oracle(name).score(items)])
        assert np.abs(found - values).mean() < 0.3 * np.abs(values - values.mean()).mean()


@pytest.mark.long
def test_molecules_from_nothing_are_mostly_in_one_piece_with_the_bonds_that_their_coordinates_speak_of():
    model = load_model("molecules", "qm9-joint", "cpu")
    noise = torch.randn(24, model.space.size, generator=torch.Generator().manual_seed(0))
    batch = model.model.generate(noise)
    assert model.representation.well_formed(batch, model.representation.decode(batch)).mean() > 0.5
    assert (model.folder / WEIGHTS).stat().st_size <= 10e6


@pytest.mark.long
def test_a_quantum_property_is_asked_for_and_checked_by_the_shipped_predictor(small_chunks):
    table = generate(
        "molecules", 4, model="qm9-molecules", where=("gap=6.5",), predictors={"gap": "qm9-properties"}, threads=1
    ).table
    assert len(table) == 4
    assert (table["gap"] - 6.5).abs().max() < 0.2  # a tenth of the standard deviation of QM9's gaps is 0.13 eV

"""Draws around a core, and variations of molecules, by a model."""

import pytest
import torch
from rdkit import Chem

import sciencegen as sg
from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.molecules.items import key, parse
from sciencegen.domains.molecules.models import resolve
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

NICOTINE = "CN1CCC[C@H]1c1cccnc1"


@pytest.fixture(scope="module")
def loaded():
    return load_model("molecules", None, "cpu")


def drawn(loaded, noise, **settings):
    task = resolve(loaded.model, loaded.representation, TaskSettings(**settings))
    with torch.inference_mode():
        return loaded.representation.decode(task.draw(noise))


def noise_of(loaded, count, seed=0):
    return torch.randn(count, loaded.model.latent_size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", [{"core": "c1ccc([*:1])nc1"}, {"vary": NICOTINE, "noise_level": 0.6}])
def test_a_row_does_not_depend_on_the_others(loaded, settings):
    noise = noise_of(loaded, 40)
    every, some = drawn(loaded, noise, **settings), drawn(loaded, noise[7:20], **settings)
    texts = [[None if isinstance(one, Refusal) else key(one) for one in found] for found in (every[7:20], some)]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 5


def test_variations_stay_near(loaded):
    noise = noise_of(loaded, 64)
    counts = []
    for level in (0.3, 0.9):
        found = [one for one in drawn(loaded, noise, vary=NICOTINE, noise_level=level) if not isinstance(one, Refusal)]
        counts.append(sum(one.HasSubstructMatch(Chem.MolFromSmarts("CN1CCCC1")) for one in found) / max(1, len(found)))
    assert counts[0] > counts[1]


def test_a_molecule_that_does_not_come_back_is_told(loaded, recwarn, tmp_path, monkeypatch):
    resolve(loaded.model, loaded.representation, TaskSettings(vary=NICOTINE))
    assert not recwarn.list
    lactose = "OC[C@H]1O[C@@H](O[C@H]2[C@H](O)[C@@H](O)[C@H](O)O[C@@H]2CO)[C@H](O)[C@@H](O)[C@H]1O"
    with pytest.warns(UserWarning, match="1 of 1 molecules to vary are not reconstructed"):
        resolve(loaded.model, loaded.representation, TaskSettings(vary=lactose))
    (tmp_path / "leads.smi").write_text(f"{lactose}\n{NICOTINE}\n")
    monkeypatch.setattr("sciencegen.domains.molecules.models.TRIED", 1)
    with pytest.warns(UserWarning, match="1 of the first 1 molecules to vary"):
        resolve(loaded.model, loaded.representation, TaskSettings(vary=str(tmp_path / "leads.smi")))


@pytest.mark.parametrize("raw", [False, True])
def test_the_given_molecule_itself_counts_as_a_repeat(loaded, monkeypatch, raw):
    monkeypatch.setattr("sciencegen.data.workers.AVAILABLE", False)  # processes take seconds to start
    settings = GenerateSettings(n=2, vary=NICOTINE, noise_level=0.01, attempts=2, raw=raw, threads=1)
    generation = Generation(resolve_draws(loaded, settings))
    written = [key(parse(one)) for chunk in generation for one in chunk["item"]]
    assert written == [key(parse(NICOTINE))] * (2 if raw else 0)
    assert (generation.summary()["repeated"], generation.summary()["undecoded"]) == (0 if raw else 4, 0)


def test_a_file_of_molecules_is_varied(loaded, tmp_path):
    (tmp_path / "leads.smi").write_text(f"{NICOTINE}\nCC(=O)Nc1ccc(O)cc1\n")
    found = drawn(loaded, noise_of(loaded, 32), vary=str(tmp_path / "leads.smi"), noise_level=0.5)
    sulfur_free = [one for one in found if not isinstance(one, Refusal)]
    assert any(one.HasSubstructMatch(Chem.MolFromSmarts("CN1CCCC1")) for one in sulfur_free)
    assert any(one.HasSubstructMatch(Chem.MolFromSmarts("CC(=O)Nc")) for one in sulfur_free)
    with pytest.raises(DataError, match="with one that can't be read"):
        drawn(loaded, noise_of(loaded, 1), vary="C1CC")


def test_generate_takes_a_core_and_conditions_filter():
    table = sg.generate("molecules", n=4, core="c1ccc([*:1])nc1", where="logp <= 3", threads=1).table
    assert (table["logp"] <= 3).all()
    assert all(parse(one).HasSubstructMatch(Chem.MolFromSmarts("c1ccncc1")) for one in table["item"])
    with pytest.raises(ConfigError, match="Expected one of `core` and `vary`"):
        sg.generate("molecules", n=1, core="C*", vary="CC")
    with pytest.raises(ConfigError, match="takes `core`"):
        sg.generate("galaxies", n=1, core="C*")

"""Draws around a core, and variations of molecules, by a model."""

import pytest
import torch
from rdkit import Chem

import sciencegen as sg
from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.batch import texts_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.analogues import Lead
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
        return [parse(text) for text in texts_of(task.draw(noise))]


def noise_of(loaded, count, seed=0):
    return torch.randn(count, loaded.model.latent_size, generator=torch.Generator().manual_seed(seed))


LACTOSE = "OC[C@H]1O[C@@H](O[C@H]2[C@H](O)[C@@H](O)[C@H](O)O[C@@H]2CO)[C@H](O)[C@@H](O)[C@H]1O"
TELLURIDE = "C[Te]C[Te]C"
SALT = "C[N+](C)(C)CC(=O)Nc1ccc(B(O)O)cc1"


@pytest.mark.parametrize(
    "settings",
    [
        {"core": "c1ccc([*:1])nc1"},
        {"vary": NICOTINE, "noise_level": 0.6},
        {"vary": NICOTINE, "similarity": (0.45, 0.75)},
    ],
)
def test_a_row_does_not_depend_on_the_others(loaded, settings):
    noise = noise_of(loaded, 40)
    every, some = drawn(loaded, noise, **settings), drawn(loaded, noise[7:20], **settings)
    texts = [[None if isinstance(one, Refusal) else key(one) for one in found] for found in (every[7:20], some)]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 5


@pytest.mark.long
def test_variations_stay_near(loaded):
    noise = noise_of(loaded, 64)
    counts = []
    for level in (0.3, 0.9):
        found = [one for one in drawn(loaded, noise, vary=NICOTINE, noise_level=level) if not isinstance(one, Refusal)]
        counts.append(sum(one.HasSubstructMatch(Chem.MolFromSmarts("CN1CCCC1")) for one in found) / max(1, len(found)))
    assert counts[0] > counts[1]


@pytest.mark.long
def test_a_molecule_that_does_not_come_back_is_told(loaded, recwarn, tmp_path, monkeypatch):
    resolve(loaded.model, loaded.representation, TaskSettings(vary=NICOTINE, noise_level=0.4))
    by_changes = TaskSettings(vary=TELLURIDE, similarity="0.1..0.9")  # changes of the molecule need no latent
    resolve(loaded.model, loaded.representation, by_changes)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="1 of 1 molecules to vary are not reconstructed"):
        resolve(loaded.model, loaded.representation, TaskSettings(vary=TELLURIDE, noise_level=0.4))
    (tmp_path / "leads.smi").write_text(f"{TELLURIDE}\n{NICOTINE}\n")
    monkeypatch.setattr("sciencegen.domains.molecules.models.TRIED", 1)
    with pytest.warns(UserWarning, match="1 of the first 1 molecules to vary"):
        resolve(loaded.model, loaded.representation, TaskSettings(vary=str(tmp_path / "leads.smi"), noise_level=0.4))


@pytest.mark.parametrize("lead", ["CC(=O)Nc1ccc(O)cc1", NICOTINE, SALT, LACTOSE, f"{'CC(=O)NCC(=O)N' * 6}C"], ids=len)
@pytest.mark.long
def test_similarity_is_obeyed_by_leads_of_any_size(lead, monkeypatch):
    monkeypatch.setattr("sciencegen.data.workers.AVAILABLE", False)
    table = sg.generate("molecules", 8, vary=lead, similarity="0.45..0.75", threads=1).table
    again = DOMAIN.similarity.matrix([parse(one) for one in table["item"]], [parse(lead)])[:, 0]
    assert len(set(table["item"])) == 8
    assert ((again >= 0.45) & (again <= 0.75)).all()
    assert table["similarity"].tolist() == pytest.approx(again.tolist(), abs=1e-6)


def test_steps_in_the_latent_space_end_in_the_window_too(loaded, monkeypatch):
    monkeypatch.setattr("sciencegen.domains.molecules.models.BY_STEP", 1.0)
    monkeypatch.setattr(Lead, "analogue", lambda *_: Refusal("not by changes"))
    lead = Lead(parse("CC(=O)Nc1ccc(C(=O)NC2CC2)cc1"), frozenset(), lambda item: True)
    found = drawn(loaded, noise_of(loaded, 16), vary=key(lead.molecule), similarity=(0.4, 0.8))
    made = [one for one in found if not isinstance(one, Refusal)]
    assert len(made) > 4
    assert all(0.4 <= lead.similarity(one) <= 0.8 for one in made)


@pytest.mark.long
def test_a_core_or_a_pattern_stays(loaded):
    core = "c1ccc2[nH]c([*:1])nc2c1"
    lead = "CCOC(=O)CCc1nc2ccccc2[nH]1"
    for settings in ({"core": core}, {"keep": core}):
        table = sg.generate("molecules", 5, vary=lead, similarity=0.6, threads=1, **settings).table
        assert all(
            parse(one).HasSubstructMatch(Chem.MolFromSmarts("[cH]1[cH][cH]c2[nH]cnc2[cH]1")) for one in table["item"]
        )
    with pytest.raises(DataError, match="hold what is to be kept"):
        sg.generate("molecules", 1, vary=NICOTINE, keep="c1ccccc1")
    with pytest.raises(DataError, match="is substituted elsewhere too"):
        sg.generate("molecules", 1, vary="COc1ccccc1", keep="O[*:1]")


@pytest.mark.long
def test_rows_name_the_lead_that_they_are_like(loaded, tmp_path):
    (tmp_path / "leads.smi").write_text(f"{NICOTINE}\nCC(=O)Nc1ccc(O)cc1\n")
    table = sg.generate("molecules", 6, vary=str(tmp_path / "leads.smi"), similarity="0.4..0.8", threads=1).table
    for row in table.itertuples():
        assert DOMAIN.similarity.matrix([parse(row.item)], [parse(row.lead)])[0, 0] == pytest.approx(row.similarity)
    assert len(set(table["lead"])) == 2


@pytest.mark.parametrize("given", ["1.2", "0.8..0.5", "near", "0.5..", -0.1])
def test_a_similarity_that_is_none_is_refused(given):
    with pytest.raises(ConfigError, match="Expected a `similarity` of 0 to 1"):
        sg.generate("molecules", 1, vary=NICOTINE, similarity=given)


def test_similarity_goes_with_molecules_to_vary_alone():
    with pytest.raises(ConfigError, match="Expected `vary` with `similarity`"):
        sg.generate("molecules", 1, similarity=0.5)
    with pytest.raises(ConfigError, match="`similarity` or `noise_level`, got both"):
        sg.generate("molecules", 1, vary=NICOTINE, similarity=0.5, settings={"noise_level": 0.3})
    with pytest.raises(ConfigError, match="takes `similarity`"):
        sg.generate("galaxies", 1, vary="a.fits", similarity=0.5)


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
    with pytest.raises(ConfigError, match="takes `core`"):
        sg.generate("galaxies", n=1, core="C*")

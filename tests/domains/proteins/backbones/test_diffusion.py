"""The model of backbones: lengths as asked, laws of draws, and the whole way on the command line."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sciencegen.domains.proteins.backbones import diffusion, representation
from sciencegen.domains.proteins.backbones.files import parse, read
from sciencegen.domains.proteins.backbones.items import text
from sciencegen.domains.proteins.backbones.properties import measure
from sciencegen.domains.proteins.backbones.writing import write
from sciencegen.networks.equivariant.residues import ResidueNetworkSettings
from tests.cli.conftest import run
from tests.domains.proteins.backbones.examples import chains

NETWORK = "{width: 16, pair_width: 8, layers: 1, heads: 2, radial: 4, context: 16}"
SMALL = diffusion.BackboneDiffusionSettings(
    network=ResidueNetworkSettings(width=16, pair_width=8, layers=1, heads=2, radial=4, context=16),
    diffusion=replace(diffusion.BackboneDiffusionSettings().diffusion, steps=3, flow_steps=8),
)


@pytest.fixture(scope="module")
def fitted():
    values = measure(chains(), diffusion.CONDITIONS)
    return representation.fit([text(one) for one in chains()], values, diffusion.CONDITIONS)


@pytest.fixture
def model(fitted):
    torch.manual_seed(0)
    made = diffusion.backbone_diffusion(fitted, SMALL)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made.eval()


def test_a_requested_length_is_drawn_exactly(fitted, model):
    noise = torch.randn(50, model.latent_size, generator=torch.Generator().manual_seed(0))
    assert len(model.counts(noise[:, 0]).unique()) > 5
    for asked in (20, 25, 34):
        row = torch.from_numpy(fitted.condition({"length": asked, "helix": 0.2})).expand(50, -1)
        assert (model.counts(noise[:, 0], row) == asked).all()


def test_the_network_sees_every_condition_but_the_length(fitted, model):
    noise = torch.randn(2, model.latent_size, generator=torch.Generator().manual_seed(0))
    counts = torch.tensor([22, 22])

    def drawn(**values):
        row = torch.from_numpy(fitted.condition(values)).expand(2, -1)
        return model.generate_sized(noise, counts, row)["trace"]

    assert torch.equal(drawn(), drawn(length=30))
    assert not torch.equal(drawn(), drawn(helix=0.9))


def test_latents_of_chains_are_decoded_to_them(fitted, model):
    batch = fitted.batch(fitted.encode(chains()[:3]))
    back = fitted.decode(model.double().decode(model.encode(batch.map(_double))))
    for item, one in zip(chains(), back, strict=False):
        centred = item.coordinates - item.trace.mean(0)
        assert np.sqrt(np.square(one.coordinates - one.trace.mean(0) - centred).mean()) < 0.2


def _double(value):
    return value.double() if value.is_floating_point() else value


def test_training_lowers_the_loss(fitted):
    torch.manual_seed(0)
    model = diffusion.backbone_diffusion(fitted, SMALL)
    batch = fitted.batch(fitted.encode(chains()), measure(chains(), diffusion.CONDITIONS))
    optimizer, losses = torch.optim.Adam(model.parameters(), 3e-3), []
    for step in range(30):
        loss = model.loss(batch, step, torch.Generator().manual_seed(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


def test_the_whole_way_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for item in chains():
        write(tmp_path / "mine" / f"{item.name}.cif.gz", [item], [item.name], {})
    few = "diffusion={prediction: v, weighting: edm, sampler: ddim, steps: 3, flow_steps: 4}"
    training = ("--training", "steps=3", "--training", "batch_size=4", "--set", f"network={NETWORK}", "--set", few)
    made = run("datasets", "prepare", "proteins", "./mine", "--form", "structures", "-o", "data")
    assert made.code == 0, made.err
    made = run("train", "proteins", "--recipe", "backbone-diffusion", "--data", "data", *training, "-o", "model")
    assert made.code == 0, made.err
    draw = ("generate", "proteins", "--model", "model", "--raw", "-n", 2)
    drawn = run(*draw, "--where", "length=25", "--where", "helix=0.3", "-o", "designs.pdb")
    assert drawn.code == 0, drawn.err
    items = [parse(row.text) for row in read(tmp_path / "designs.pdb")]
    assert [len(one) for one in items] == [25, 25]
    assert (tmp_path / "designs.pdb").read_text().count("ENDMDL") == 2
    assert run(*draw, "-o", "table.csv").code == 0
    assert pd.read_csv("table.csv")["item"].tolist() == ["table.pdb[0]", "table.pdb[1]"]
    scored = run("score", "proteins", "designs.pdb", "--with", "helix,length,gravy", "-o", "scores.csv")
    assert scored.code == 0, scored.err
    table = pd.read_csv("scores.csv")
    assert table["item"].tolist() == ["scores.pdb[0]", "scores.pdb[1]"]
    assert table["length"].tolist() == [25, 25]
    assert table["gravy"].isna().all()
    judged = run("evaluate", "proteins", "designs.pdb", "--form", "structures", "--against", "mine/chain0.cif.gz")
    assert judged.code == 0, judged.err
    assert "wasserstein_helix" in judged.out
    encoded = run("encode", "proteins", "mine/chain1.cif.gz", "--model", "model", "-o", "latents.npz")
    assert encoded.code == 0, encoded.err
    assert len(np.load("latents.npz")["latent"]) == 1
    ends = ("mine/chain0.cif.gz:A", "mine/chain3.cif.gz:A")
    between = run("interpolate", "proteins", *ends, "--model", "model", "--steps", 3, "-o", "path.csv")
    assert between.code == 0, between.err

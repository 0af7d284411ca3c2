"""Networks of token sequences."""

import pytest
import torch

from sciencegen.errors import ConfigError
from sciencegen.networks.sequence import (
    AttentiveDecoder,
    BottleneckEncoder,
    PropertyReader,
    RecurrentDecoder,
    SequenceSizes,
    attention,
)

# A recurrent network a token at a time is the network over the whole sequence.


def test_the_decoder_step_by_step_is_the_decoder():
    torch.manual_seed(0)
    decoder = RecurrentDecoder(11, 6, 8, 5, 4)
    tokens, context, notes = torch.randint(0, 11, (3, 7)), torch.randn(3, 5), torch.randn(3, 7, 4)
    with torch.no_grad():
        expected, _ = decoder(tokens, context, notes, decoder.first_state(context))
        step, hidden = decoder.stepping(), decoder.first_state(context)
        constant = step.first(context)
        for position in range(7):
            hidden = step(tokens[:, position], hidden, constant, notes[:, position])
            logits = decoder.logits(hidden, torch.cat([context, notes[:, position]], 1))
            assert torch.allclose(logits, expected[:, position], atol=1e-6)


def test_the_reader_step_by_step_is_the_reader():
    torch.manual_seed(0)
    reader = PropertyReader(11, 2, 6, 8)
    tokens = torch.randint(0, 11, (3, 7))
    with torch.no_grad():
        expected, _ = reader(tokens)
        step, hidden = reader.stepping(), torch.zeros(3, reader.hidden)
        for position in range(7):
            hidden = step(tokens[:, position], hidden)
            assert torch.allclose(reader.output(hidden), expected[:, position], atol=1e-6)


# Encoder and decoder between token sequences and a latent vector.


SIZES = SequenceSizes(token=8, encoder=8, decoder=12, slots=3, slot=8, heads=2, dense=16)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return AttentiveDecoder(10, 4, SIZES).double()


def test_one_step_at_a_time_is_the_whole_sequence(decoder):
    latent, previous = torch.randn(5, 4).double(), torch.randint(0, 10, (5, 7))
    whole, _ = decoder(previous, decoder.start(latent))
    for step, state in ((decoder, decoder.start(latent)), ((own := decoder.stepping(torch.double)), own.start(latent))):
        steps = []
        for position in range(7):
            logits, state = step(previous[:, position, None], state)
            steps.append(logits)
        assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-12)


def test_steps_in_bfloat16_leave_the_decoder_as_it_is(decoder):
    step = decoder.stepping(torch.bfloat16)
    logits, _ = step(torch.randint(0, 10, (5, 1)), step.start(torch.randn(5, 4).double()))
    assert logits.dtype == torch.bfloat16
    assert decoder.token.weight.dtype == torch.double


def test_logits_depend_on_earlier_tokens_only(decoder):
    latent, previous = torch.randn(1, 4).double(), torch.randint(0, 10, (1, 7))
    changed = previous.clone()
    changed[0, 4] = (previous[0, 4] + 1) % 10
    before, after = (decoder(tokens, decoder.start(latent))[0] for tokens in (previous, changed))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_the_latent_reaches_every_step(decoder):
    latent, previous = torch.randn(1, 4).double().requires_grad_(), torch.randint(0, 10, (1, 7))
    logits, _ = decoder(previous, decoder.start(latent))
    for position in range(7):
        (gradient,) = torch.autograd.grad(logits[0, position].square().sum(), latent, retain_graph=True)
        assert gradient.abs().min() > 0


def test_gradients_of_the_latent_need_no_training_mode(decoder):
    """cuDNN refuses the gradients of recurrent layers in evaluation mode."""
    decoder.eval()
    assert not decoder.training
    assert not decoder.output.training
    assert all(module.training for module in decoder.modules() if isinstance(module, torch.nn.RNNBase))
    assert {module.dropout for module in decoder.modules() if isinstance(module, torch.nn.RNNBase)} == {0.0}


def test_padding_is_not_attended_to():
    query, key, value = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 6)
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    seen = attention(query, key, value, 2, mask)
    assert torch.allclose(seen[1], attention(query[1:], key[1:, :2], value[1:, :2], 2)[0], atol=1e-6)
    assert not torch.allclose(seen[1], attention(query[1:], key[1:], value[1:], 2)[0], atol=1e-2)


def test_attention_is_the_papers_equation():
    query, key, value = torch.randn(1, 3, 8), torch.randn(1, 5, 8), torch.randn(1, 5, 6)
    expected = torch.softmax(query[0] @ key[0].T / 8**0.5, -1) @ value[0]
    assert torch.allclose(attention(query, key, value, 1)[0], expected, atol=1e-6)


def test_features_depend_on_order():
    torch.manual_seed(0)
    encoder, mask = BottleneckEncoder(10, SIZES), torch.ones(1, 4, dtype=torch.bool)
    one, other = (encoder(torch.tensor([tokens]), mask) for tokens in ([2, 3, 4, 0], [3, 2, 4, 0]))
    assert one.shape == (1, encoder.feature_size)
    assert not torch.allclose(one, other)


def test_a_slot_is_divided_among_the_heads():
    with pytest.raises(ConfigError, match="divisible by 3 heads, got 8"):
        SequenceSizes(slot=8, heads=3)


def test_features_do_not_depend_on_the_padding():
    """Neither direction of the recurrent layer begins in it."""
    torch.manual_seed(0)
    encoder, tokens = BottleneckEncoder(10, SIZES).double(), torch.randint(2, 10, (3, 9))
    mask = torch.arange(9) < torch.tensor([[4], [6], [2]])
    short = encoder(tokens[:, :6], mask[:, :6])
    assert torch.allclose(encoder(tokens, mask), short, atol=1e-12)
    assert torch.allclose(encoder(tokens[:1, :4], mask[:1, :4]), short[:1], atol=1e-12)

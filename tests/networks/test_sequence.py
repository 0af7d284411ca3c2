"""A recurrent network a token at a time is the network over the whole sequence."""

import torch

from sciencegen.networks.sequence import PropertyReader, RecurrentDecoder


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

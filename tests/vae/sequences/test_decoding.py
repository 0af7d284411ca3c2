"""Greedy decoding, beam search, and the likeliest sequence that is accepted."""

from itertools import product

import torch

from sciencegen.vae.sequences.decoding import accepted, beam_search, most_likely

END, START = 0, 1


def test_the_most_likely_tokens_end_each_row_separately():
    """A step that counts down: the state of a row is the number of tokens before its end."""

    def step(previous, state):
        logits = torch.zeros(len(previous), 1, 4)
        logits[:, 0, 3] = 1.0
        logits[state[0] == 0, 0, END] = 2.0
        return logits, (state[0] - 1,)

    tokens, mask = most_likely(START, END, step, (torch.tensor([1, 3, 9]),), 5)
    assert tokens.tolist() == [[3, END, 0, 0, 0], [3, 3, 3, END, 0], [3, 3, 3, 3, 3]]
    assert mask.sum(1).tolist() == [2, 4, 5]


def test_beam_search_finds_the_likeliest_sequences():
    """All sequences of at most three tokens of a random model, by a beam as wide as their number."""
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()

    def step(previous, state):
        return logits[previous[:, 0] + state[0].long()][:, None], (1 - state[0],)

    def log_prob(sequence):
        total, previous, odd = 0.0, 1, 0
        for token in sequence:
            total += float(torch.log_softmax(logits[previous + odd], -1)[token])
            previous, odd = token, 1 - odd
        return total

    ended = [[*head, 0] for size in range(3) for head in product((1, 2), repeat=size)]
    every = ended + [list(head) for head in product((1, 2), repeat=3)]
    expected = sorted(every, key=log_prob, reverse=True)
    tokens, mask = beam_search(1, 0, step, (torch.zeros(2),), 3, len(every))
    for row in range(2):
        assert [t[m].tolist() for t, m in zip(tokens[row], mask[row], strict=True)] == expected


def test_a_narrow_beam_begins_with_the_greedy_sequence_of_a_certain_model():
    logits = 9.0 * torch.eye(4)[[2, 2, 3, 0]]  # 2, 3, end
    tokens, mask = beam_search(
        1, 0, lambda previous, state: (logits[previous[:, 0]][:, None], state), (torch.zeros(1),), 6, 2
    )
    assert tokens[0, 0][mask[0, 0]].tolist() == [2, 3, 0]
    assert len({tuple(row.tolist()) for row in tokens[0]}) == 2


def test_the_likeliest_accepted_sequence_is_taken_and_the_greedy_one_where_none_is():
    logits = torch.log(torch.tensor([[1.0, 1, 1], [0.2, 1e-9, 0.8], [0.6, 1e-9, 0.4]]))  # 2 and end is the likeliest

    def step(previous, state):
        return logits[previous[:, 0]][:, None], state

    def drawn(accept, width=6):
        batch = accepted(START, END, step, (torch.zeros(3),), 4, width, accept)
        return [tokens[mask].tolist() for tokens, mask in zip(batch["tokens"], batch.mask, strict=True)]

    greedy, other = [2, END], [2, 2, END]
    assert drawn(None) == [greedy] * 3
    assert drawn(lambda batch: batch.mask.sum(1) == 3) == [other] * 3
    assert drawn(lambda batch: torch.zeros(len(batch)).bool()) == [greedy] * 3
    assert drawn(lambda batch: batch.mask.sum(1) == 3, width=0) == [greedy] * 3

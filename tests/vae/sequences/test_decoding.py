"""Greedy decoding, beam search, and the first sequence that is accepted."""

from itertools import product

import torch

from sciencegen.batch import Batch
from sciencegen.vae.autoregressive import beam_search, first_accepted, most_likely, trimmed

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
    tokens, mask, score = beam_search(1, 0, step, (torch.zeros(2),), 3, len(every))
    for row in range(2):
        assert [t[m].tolist() for t, m in zip(tokens[row], mask[row], strict=True)] == expected
        assert torch.allclose(score[row], torch.tensor(list(map(log_prob, expected))).double())


def test_a_narrow_beam_begins_with_the_greedy_sequence_of_a_certain_model():
    logits = 9.0 * torch.eye(4)[[2, 2, 3, 0]]  # 2, 3, end
    tokens, mask, _ = beam_search(
        1, 0, lambda previous, state: (logits[previous[:, 0]][:, None], state), (torch.zeros(1),), 6, 2
    )
    assert tokens[0, 0][mask[0, 0]].tolist() == [2, 3, 0]
    assert len({tuple(row.tolist()) for row in tokens[0]}) == 2


def test_the_first_accepted_sequence_is_taken_and_the_first_of_all_where_none_is():
    tokens = torch.tensor([[[2, END, 0], [2, 2, END]], [[2, 2, END], [3, END, 0]], [[3, END, 0], [2, END, 0]]])
    ranked, shown = Batch({"tokens": tokens}, torch.tensor([1, 1, 0]).bool() | (tokens > 0)), []

    def short(batch):
        shown.append(len(batch))
        return (batch["tokens"][:, 0] == 2) & (batch["tokens"][:, 1] == END)

    found, good = first_accepted(ranked, short)
    assert found["tokens"].tolist() == [[2, END, 0], [2, 2, END], [2, END, 0]]
    assert good.tolist() == [True, False, True]
    assert shown == [3, 2]
    found, good = first_accepted(ranked, None)
    assert torch.equal(found["tokens"], tokens[:, 0])
    assert good.all()


def test_only_positions_that_no_row_has_are_trimmed():
    tokens, mask = torch.tensor([[3, 0, 0, 0], [4, 5, 0, 0]]), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    found = trimmed(Batch({"tokens": tokens}, mask, torch.ones(2, 1)))
    assert found["tokens"].tolist() == [[3, 0, 0], [4, 5, 0]]
    assert found.mask.tolist() == mask[:, :3].tolist()
    assert found.condition.tolist() == [[1], [1]]
    assert len(trimmed(Batch({"tokens": tokens[:0]}, mask[:0]))) == 0

"""First occurrences agree with a dictionary."""

import numpy as np

from sciencegen.data.prepared import FirstOccurrences, hash_keys


def test_seen_keys_agree_with_a_dictionary():
    generator = np.random.default_rng(0)
    seen, first, line = FirstOccurrences(), {}, 0
    for size in generator.integers(0, 200, 60):
        keys = [str(number) for number in generator.integers(0, 3000, size)]
        lines = np.arange(line, line + size)
        line += int(size)
        expected = []
        for key, number in zip(keys, lines, strict=True):
            expected.append(first.get(key, -1))
            first.setdefault(key, number)
        assert seen.first_lines(hash_keys(keys), lines).tolist() == expected

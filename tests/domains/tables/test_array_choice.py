"""Blocks of columns and their likelihoods."""

import numpy as np
import pytest

from sciencegen.domains.tables import representation as tables
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.column_choice import BlockSettings, columns_and_blocks
from sciencegen.errors import ConfigError, UnknownNameError
from sciencegen.vae.array_columns import LikelihoodColumn
from tests.domains.tables.arrays_table import items, texts

FITTED = tables.fit(texts(), np.empty((40, 0)), ())
SPIKES = [{**{f"s{at}": one for at, one in enumerate(row["spikes"])}, "kind": row["kind"]} for row in items()]
PLAIN = tables.fit([rows.text(row) for row in SPIKES], np.empty((40, 0)), ())


def chosen(representation=FITTED, likelihoods=None, **names):
    settings = BlockSettings(likelihoods or {}, **names)
    return columns_and_blocks(representation.columns, representation.arrays, settings)


def test_blocks_and_likelihoods_are_by_what_the_arrays_hold():
    columns, blocks = chosen()
    assert [(one.kind, one.shape) for one in blocks] == [
        ("image", (1, 5, 6)), ("series", (2, 7)), ("series", (1, 7)), ("series", (3, 5)),
    ]  # fmt: skip
    assert [{columns[at].likelihood for at in one.index} for one in blocks] == [
        {"discretized_logistic"}, {"gaussian"}, {"negative_binomial"}, {"bernoulli"},
    ]  # fmt: skip
    assert columns[blocks[0].index[0]].limits == (0, 12)
    assert [one.likelihood for one in columns[:2]] == ["gaussian", "bernoulli"]


def test_the_index_is_in_the_order_of_channels_and_positions():
    _, blocks = chosen()
    start = min(blocks[1].index)
    np.testing.assert_array_equal(np.reshape(blocks[1].index, (2, 7)) - start, np.arange(14).reshape(7, 2).T)


def test_settings_choose_kind_and_likelihood():
    columns, blocks = chosen(likelihoods={"spikes": "poisson", "image": "gaussian"}, series=["image"])
    assert (blocks[0].kind, blocks[0].shape) == ("series", (6, 5))
    assert columns[blocks[0].index[0]].likelihood == "gaussian"
    assert columns[blocks[2].index[0]].likelihood == "poisson"


def test_numbered_columns_are_a_series():
    columns, blocks = chosen(PLAIN, series=["s"])
    assert [(one.kind, one.shape, len(set(one.index))) for one in blocks] == [("series", (1, 7), 7)]
    assert {columns[at].likelihood for at in blocks[0].index} == {"negative_binomial"}
    assert [columns[at].likelihood for at in range(len(columns)) if at not in blocks[0].index] == ["bernoulli"]
    assert all(isinstance(one, LikelihoodColumn) for one in columns)
    assert chosen(PLAIN)[1] == []


@pytest.mark.parametrize(
    ("settings", "error", "reason"),
    [
        ({"likelihoods": {"imag": "gaussian"}}, UnknownNameError, "'imag'"),
        ({"likelihoods": {"image": "categorical"}}, ConfigError, "likelihood of numbers for 'image'"),
        ({"likelihoods": {"wave": "poisson"}}, ConfigError, "fits 'wave', got poisson.*gaussian is chosen"),
        ({"images": ["phase"]}, UnknownNameError, "column of arrays"),
        ({"images": ["spikes"]}, ConfigError, r"images \[height width\], 'spikes' has \[7\]"),
        ({"series": ["phase"]}, ConfigError, "'phase', of which there are 0"),
    ],
)
def test_what_does_not_fit_is_an_error(settings, error, reason):
    with pytest.raises(error, match=reason):
        chosen(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"likelihoods": ("visits",)}, r"`likelihoods` by name, such as \{visits: poisson\}, got \('visits',\)"),
        ({"likelihoods": "visits"}, "`likelihoods` by name"),
        ({"likelihoods": {}, "multinomial": "visits"}, "`multinomial` by name"),
        ({"likelihoods": {}, "series": "spikes"}, r"`series` as a list of columns, \[spikes\]"),
        ({"likelihoods": {}, "images": "image"}, "`images` as a list"),
    ],
)
def test_settings_of_another_kind_say_how_they_are_written(settings, message):
    with pytest.raises(ConfigError, match=message):
        BlockSettings(**settings)

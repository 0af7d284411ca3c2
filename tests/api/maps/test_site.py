"""The calls of the page: what is made lies where the page asked, and wrong requests have reasons."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.explore import Maker, is_opaque, site_of
from sciencegen.browser.server import NoSuchPath
from sciencegen.domains import load_domain
from sciencegen.errors import SciencegenError


@pytest.fixture(scope="module")
def site(toy_map):
    return site_of(Maker(toy_map), "toy")


def call(site, path, **values):
    return json.loads(site.calls[path](json.dumps(values).encode()).content)


def test_arrays_are_the_maps(site, toy_map):
    points = np.frombuffer(site.pages["points"].content, "<f4").reshape(-1, 2)
    about = json.loads(site.pages["description"].content)
    assert np.array_equal(points, toy_map.points)
    assert about["count"] == len(points)
    for at, column in enumerate(about["columns"]):
        values = np.frombuffer(site.pages[f"column/{at}"].content, "<f4")
        assert np.array_equal(values, toy_map.items.column(column["name"]).values, equal_nan=True)


def test_rows_and_pictures_are_those_of_the_items(site, toy_map):
    assert [row["text"] for row in call(site, "rows", indices=[4, 0])] == [toy_map.items.text[4], toy_map.items.text[0]]
    picture = site.find("picture/3")
    assert picture.kind in ("image/svg+xml", "image/png")
    assert b"http://www.w3.org/2000/svg" in picture.content or picture.content.startswith(b"\x89PNG")


def test_a_place_is_decoded_there(site):
    made = call(site, "place", x=0.5, y=-0.25)
    assert made["point"] == pytest.approx([0.5, -0.25], abs=1e-3)
    assert made["text"]
    assert made["picture"].startswith("data:image/")


def test_an_item_has_its_latent_and_a_change_is_along_its_axis(site, toy_map):
    item = call(site, "item", index=2)
    assert item["latent"] == pytest.approx(toy_map.items.latent[2].tolist(), abs=1e-5)
    changed = call(site, "change", latent=item["latent"], axis=0, step=1.5)
    assert changed["steps"][0] == pytest.approx(1.5, abs=1e-3)
    assert changed["steps"][1:] == pytest.approx(item["steps"][1:], abs=1e-3)


def test_an_item_is_decoded_once(toy_map, monkeypatch):
    maker, decoded = Maker(toy_map), []
    whole = Maker.decoded
    monkeypatch.setattr(Maker, "decoded", lambda self, *latents: decoded.append(1) or whole(self, *latents))
    one = site_of(maker, "toy")
    assert call(one, "item", index=2) == call(one, "item", index=2)
    assert len(decoded) == 1


def test_a_path_has_both_ends_and_neighbours_begin_with_the_item(site, toy_map):
    first, last = (toy_map.items.latent[at].tolist() for at in (0, 9))
    path = call(site, "path", start=first, end=last, steps=5)
    assert len(path) == 5
    ends = [call(site, "change", latent=path[at])["point"] for at in (0, -1)]
    assert ends[0] == pytest.approx(toy_map.points[0].tolist(), abs=1e-3)
    assert ends[1] == pytest.approx(toy_map.points[9].tolist(), abs=1e-3)
    nearest = call(site, "nearest", latent=first, count=4)
    assert nearest[0]["index"] == 0
    assert [one["distance"] for one in nearest] == sorted(one["distance"] for one in nearest)
    near = call(site, "near", latent=first, count=3, radius=0.5)
    assert len({one["text"] for one in near}) == len(near) > 0


def test_conditions_have_the_range_that_the_model_can_draw(toy_map, monkeypatch):
    name = Maker(toy_map).conditions[0].name
    monkeypatch.setattr(type(toy_map.loaded.representation), "limits", {name: (0.5, 0.75)})
    first = Maker(toy_map).conditions[0]
    assert (first.name, first.low, first.high) == (name, 0.5, 0.75)


def test_a_draw_repeats_and_depends_on_its_seed(site):
    draws = [call(site, "draw", seed=seed) for seed in (4, 4, 5)]
    assert draws[0] == draws[1] != draws[2]
    name = json.loads(site.pages["description"].content)["conditions"][0]["name"]
    assert call(site, "draw", seed=4, condition={name: 1.0})["text"]


def test_the_basket_is_a_table_of_its_items(site, toy_map):
    items = [{"item": text, "origin": "data", "values": {"radius": 1.5}} for text in toy_map.items.text[:2]]
    answer = site.calls["export"](json.dumps({"items": items, "ending": ".csv"}).encode())
    table = pd.read_csv(io.BytesIO(answer.content))
    assert answer.file == "basket.csv"
    assert table["item"].tolist() == toy_map.items.text[:2]
    assert table["radius"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("rows", {"indices": [59]}), ("rows", {"indices": [-1]}), ("rows", {"indices": list(range(501))}),
        ("place", {"x": "a", "y": 0}), ("place", {"x": 0}), ("item", {"index": 59}), ("change", {"latent": [1.0]}),
        ("change", {"latent": [0.0] * 4, "axis": 99}), ("nearest", {"latent": [0.0] * 4, "count": 0}),
        ("near", {"latent": [0.0] * 4, "radius": 2}), ("path", {"start": [0.0] * 4, "end": [], "steps": 3}),
        ("draw", {"seed": 0, "condition": {"nothing": 1}}), ("export", {"items": [], "ending": ".csv"}),
        ("export", {"items": [{"item": "nonsense"}], "ending": ".csv"}), ("draw", {"extra": 1}),
        ("export", {"items": [{"item": "nonsense"}], "ending": "/../x.csv"}),
    ],
)  # fmt: skip
def test_wrong_requests_have_a_reason(site, path, values):
    with pytest.raises(SciencegenError, match=r"xpected|nknown"):
        call(site, path, **values)


@pytest.mark.parametrize("path", ["", "picture/", "picture/x", "picture/²", "../secret", "column/99"])
def test_nothing_else_is_there(site, path):
    with pytest.raises(NoSuchPath):
        site.find(path)


@pytest.mark.parametrize(
    ("domain", "text", "opaque"),
    [("molecules", "CCO", False), ("molecules", "C" * 1001, True), ("arrays", "{}", True), ("galaxies", "", True)],
)
def test_texts_that_nobody_reads_are_not_shown(domain, text, opaque):
    assert is_opaque(load_domain(domain), text) == opaque

"""The page in headless Chromium: every control does what it says, nothing is asked from elsewhere."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from sciencegen.api.explore import server_of, write_page
from sciencegen.browser.server import SCRIPTS, live_pages, offline_page

pytestmark = pytest.mark.long


READY = "document.body && document.body.dataset.ready"
PLACE = "(b => [b.x + map.x(state.points[2 * {0}]), b.y + map.y(state.points[2 * {0} + 1])])(byId('canvas').getBoundingClientRect())"  # fmt: skip # noqa: E501


@pytest.fixture(scope="module")
def page(chromium, toy_map):
    with server_of(toy_map, "toy <b>map</b>") as server:
        threading.Thread(target=server.serve, daemon=True).start()
        chromium.events.clear()
        chromium.open(server.address)
        chromium.wait(READY)
        yield chromium


def place(page, index):
    """Where an item is in the window."""
    return page.value(PLACE.format(index))


def empty_place(page):
    """A place in the window without an item: a corner of the map."""
    return page.value("(b => [b.x + 12, b.y + 12])(byId('canvas').getBoundingClientRect())")


def show(page, index):
    page.value("state.current = null")  # else the wait is over before the click is answered
    page.click(*place(page, index))
    page.wait(f"state.current && state.current.index === {index} && state.current.latent")


def around(page):
    """A lasso around the whole map."""
    left, top, right, bottom = page.value(
        "(b => [b.left + 3, b.top + 3, b.right - 3, b.bottom - 3])(byId('canvas').getBoundingClientRect())"
    )
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 1)]


def test_texts_are_no_markup(page):
    assert page.value("byId('title').textContent") == "toy <b>map</b>"
    assert page.value("document.querySelectorAll('h1 b').length") == 0


def test_the_plot_has_all_items(page, toy_map):
    assert page.value("map.plot.get('points').length") == len(toy_map.items.text)
    assert page.value("byId('x-label').textContent") == toy_map.labels[0]


def test_pointing_at_an_item_shows_it(page, toy_map):
    page.mouse("Moved", *place(page, 3))
    page.wait(
        "!byId('tip').hidden && byId('tip').querySelector('img').naturalWidth && byId('tip').innerText.length > 20"
    )
    assert page.value("map.hovered") == 3
    page.mouse("Moved", *empty_place(page))
    page.wait("byId('tip').hidden")


def test_the_tip_lies_whole_within_the_map(page):
    """Also where a long text makes it higher after it was placed."""
    long = "[{ index: at[0], name: '', text: 'M '.repeat(180) }]"
    page.value(f"var kept = state.source.rows; state.source.rows = async (at) => {long}")
    try:
        low = page.value(
            "state.points.reduce((best, _, at) => at % 2 && _ < state.points[2 * best + 1] ? (at - 1) / 2 : best, 0)"
        )
        page.value(f"hover(null); hover({low})")
        page.wait("byId('tip').innerText.includes('M M')")
        inside = "(tip => tip.bottom <= innerHeight && tip.top >= 0)(byId('tip').getBoundingClientRect())"
        assert page.value(inside) is True
    finally:
        page.value("state.source.rows = kept; hover(null)")


def test_classes_are_counted_whole(page):
    """Also those that aren't listed, and items without one."""
    column = "{ name: 'c', values: [0, 1, 2, 3, 4, 5, 6, 7, 7, NaN], categories: [...'abcdefgh'] }"
    told = page.value(
        f"[...counts({column}, [...Array(10).keys()]).querySelectorAll('dt, dd')].map((one) => one.textContent)"
    )
    assert told == ["h", "2", "a", "1", "b", "1", "c", "1", "d", "1", "e", "1", "2 others", "2", "none", "1"]


def test_a_click_on_an_item_shows_it(page, toy_map):
    show(page, 5)
    assert page.value("state.current.text") == toy_map.items.text[5]
    assert page.value("document.querySelectorAll('#item .slider').length") == len(toy_map.axes.axes)


def test_a_click_on_an_empty_place_decodes_it(page):
    x, y = empty_place(page)
    page.mouse("Moved", x, y)
    page.click(x, y)
    page.wait("state.current && state.current.origin === 'decoded at a place'")
    page.wait("document.querySelectorAll('#overlay .ring').length > 0")
    got = page.value(
        "(b => [b.x + map.x(state.current.point[0]), b.y + map.y(state.current.point[1])])"
        "(byId('canvas').getBoundingClientRect())"
    )
    assert got == pytest.approx([x, y], abs=1)


def test_a_slider_changes_the_item(page):
    show(page, 5)
    page.value(
        "(s => { s.value = 2; s.dispatchEvent(new Event('input')); })(document.querySelector('[data-axis=\"0\"]'))"
    )
    page.wait("state.current.origin === 'changed along principal axes' && Math.abs(state.current.steps[0] - 2) < 0.01")


def test_a_slider_changes_one_coordinate(page):
    show(page, 5)
    before = page.value("state.current.latent")
    choose = "(s => {{ s.value = '{}'; s.dispatchEvent(new Event('change')); }})(byId('sliders'))"
    page.value(choose.format("coordinates"))
    assert page.value("document.querySelectorAll('#item [data-coordinate]').length") == page.value(
        "state.about.coordinates"
    )
    page.value(
        "(s => { s.value = -1.5; s.dispatchEvent(new Event('input')); })"
        "(document.querySelector('[data-coordinate=\"1\"]'))"
    )
    page.wait("state.current.origin === 'changed along latent coordinates'")
    assert page.value("state.current.latent") == pytest.approx([before[0], -1.5, *before[2:]], abs=1e-5)
    page.value(choose.format("axes"))
    page.wait("document.querySelectorAll('#item [data-axis]').length === state.about.axes.length")


@pytest.mark.parametrize(("opaque", "told", "kind"), [("false", "another item", "warn"), ("true", "to this", "muted")])
def test_what_a_latent_decodes_to_is_told(page, opaque, told, kind):
    """Pixels and coordinates never come back bit by bit, so that this is no warning."""
    show(page, 5)
    kept = page.value("state.about.opaque")
    page.value(
        f"state.about.opaque = {opaque}; show({{ ...state.current, decoded: {{ ...state.current, picture: '' }} }})"
    )
    told_by = f"[...document.querySelectorAll('#item p.{kind}')].some((p) => p.textContent.includes('{told}'))"
    assert page.value(told_by) is True
    page.value(f"state.about.opaque = {json.dumps(kept)}; show({{ ...state.current, decoded: null }})")


def test_neighbours_are_shown_and_walked_to(page):
    show(page, 5)
    page.press("#nearest")
    page.wait("document.querySelectorAll('#neighbours .card').length === 12")
    page.press("#neighbours .card:nth-child(2)")
    page.wait("state.current.index !== 5 && state.current.latent")
    page.press("#near")
    page.wait("document.querySelectorAll('#neighbours .card').length > 0")


def test_a_path_leads_from_start_to_end(page):
    show(page, 5)
    page.press("#set-start")
    show(page, 9)
    page.press("#set-end")
    page.press("#walk")
    page.wait("document.querySelectorAll('#path-items .card').length === 9")
    assert page.value("document.querySelectorAll('#overlay .walked').length") == 9
    page.press("#path-items .card:nth-child(4)")
    page.wait("state.current.origin === 'step 4 of a path'")


def test_the_lasso_selects_and_the_table_is_sorted(page, toy_map):
    page.press("#lasso")
    page.drag(around(page))
    page.wait(f"state.selected.length === {len(toy_map.items.text)} && document.querySelector('#selection table')")
    assert page.value("document.querySelectorAll('#selection .histogram').length") == len(toy_map.items.columns)
    page.press("#selection th:nth-child(2)")
    page.wait("document.querySelector('#selection th:nth-child(2)').textContent.includes('↑')")
    first = page.value("document.querySelector('#selection tbody td:nth-child(2)').textContent")
    assert float(first.replace("−", "-")) == pytest.approx(float(toy_map.items.columns[0].values.min()), rel=1e-2)
    page.press("#keep-selection")
    page.wait("state.basket.length > 50")
    page.press("#tab-selection")
    page.press("#clear")
    page.wait("state.selected.length === 0")
    page.press("#pan")


def test_colours_change(page):
    for name in ("kind", "", "radius"):
        page.value(f"(s => {{ s.value = '{name}'; s.dispatchEvent(new Event('change')); }})(byId('colour'))")
        page.wait(f"(text => text.includes('{name}') && !text === {json.dumps(not name)})(byId('legend').textContent)")


def test_draws_follow_seed_and_condition(page):
    page.press("#tab-draw")
    page.press("#draw-one")
    page.wait("state.drawn && document.querySelector('#drawn .text')")
    before = page.value("state.drawn.text")
    page.press("#draw-next")
    page.wait(f"state.drawn.text !== {json.dumps(before)}")
    page.value(
        "(s => { s.value = s.max; s.dispatchEvent(new Event('input')); })(document.querySelector('#draw [type=range]'))"
    )
    page.wait("document.querySelector('#draw [type=checkbox]').checked")
    page.press("#look")
    page.wait("!byId('item').hidden && state.current.origin === 'drawn'")


def test_a_model_without_conditions_has_no_panel_of_them(page):
    shown = "(conditions => {{ state.about.conditions = conditions; setUpDraw(); return byId('draw').innerText; }})({})"
    kept = page.value("state.about.conditions")
    without, normal = (page.value(shown.format(json.dumps(one))) for one in ([], kept))
    assert "null" not in without.lower() + normal.lower()
    assert ("Under conditions" in without, "Under conditions" in normal) == (False, True)


def test_shift_selects_and_keys_add_take_away_and_clear(page, toy_map):
    everything = around(page)
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Shift")
    page.drag(everything, modifiers=8)
    page.wait(f"state.selected.length === {len(toy_map.items.text)}")
    page.press("#zoom")
    page.value("new Promise((done) => setTimeout(done, 1200))")
    page.press("#reset")
    page.wait("Math.abs(map.x.domain()[1] - map.x.domain()[0]) > 1.5 * map.extent.half")
    page.value("encircled([...state.selected], { altKey: true })")
    assert page.value("state.selected.length") == 0
    page.call("Input.dispatchKeyEvent", type="keyUp", key="Shift")
    assert page.value("byId('overlay').classList.contains('catches')") is False
    page.value("encircled([1, 2], { ctrlKey: false }); encircled([2, 3], { ctrlKey: true })")
    assert page.value("state.selected") == [1, 2, 3]
    page.value("dispatchEvent(new KeyboardEvent('keyup', { key: 'Escape' }))")
    assert page.value("state.selected.length") == 0


def test_the_number_of_steps_of_a_path_is_the_one_asked_for(page):
    show(page, 5)
    page.press("#set-start")
    show(page, 9)
    page.press("#set-end")
    page.value("byId('path-steps').value = 4")
    page.press("#walk")
    page.wait("document.querySelectorAll('#path-items .card').length === 4")


def test_a_path_shows_each_item_as_it_is_decoded_and_ends_with_another_item(page):
    show(page, 5)
    page.press("#set-start")
    page.press("#set-end")
    page.value("var asked = 0, finish = null, call = state.source.call")
    page.value("var later = (path, value) => new Promise((done) => { finish = () => call(path, value).then(done); })")
    page.value("state.source.call = (path, value) => (path === 'change' && ++asked > 2 ? later : call)(path, value)")
    try:
        page.press("#walk")
        page.wait("asked === 3 && document.querySelectorAll('#path-items .card').length === 2")
        show(page, 9)
        page.value("finish()")
        page.wait("byId('status').textContent === ''")
        assert page.value("asked") == 3
        assert page.value("document.querySelectorAll('#overlay .walked').length") == 0
    finally:
        page.value("state.source.call = call")


def test_items_are_added_once_and_removed_one_by_one(page):
    page.value("state.basket = []")
    page.press("#tab-draw")
    page.press("#draw-one")
    page.press("#keep-drawn")
    page.wait("state.basket.length === 1")
    page.value("keep(state.drawn)")
    assert page.value("state.basket.length") == 1
    page.press("#tab-basket")
    page.press("#basket [aria-label='Remove it']")
    page.wait("state.basket.length === 0 && byId('basket').innerText.includes('kept here')")


def test_the_basket_is_saved(page, tmp_path):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.press("#tab-basket")
    page.value("state.basket = []; keep(state.current)")
    page.press("#save")
    page.wait("byId('status').textContent.startsWith('Saved basket.csv')")
    page.press("#empty")
    page.wait("state.basket.length === 0")


def test_the_whole_map_comes_back(page):
    page.value("map.plot.zoomToLocation([0.5, 0.5], 0.2)")
    page.wait("Math.abs(map.x.domain()[1] - map.x.domain()[0]) < 1.5 * map.extent.half")
    page.press("#reset")
    page.wait("Math.abs(map.x.domain()[1] - map.x.domain()[0]) > 1.5 * map.extent.half")


def test_nothing_failed_and_nothing_was_asked_from_elsewhere(page):
    """After all of the above."""
    here = page.value("location.href")
    assert page.problems() == []
    assert len(page.requests()) > 20
    assert all(address.startswith(here) for address in page.requests())


def test_long_work_shows_its_seconds(page):
    page.value("void busy('Decoding', () => new Promise((done) => setTimeout(done, 1300)))")
    page.wait("byId('status').textContent === 'Decoding … 1 s'")
    page.wait("byId('status').textContent === ''")


def test_the_clock_of_other_work_leaves_an_error(page):
    page.value("void busy('Long', () => new Promise((done) => setTimeout(done, 1300)))")
    page.value("void busy('x', () => Promise.reject(new Error('Expected something.')))")
    page.wait("waiting === 0")
    assert page.value("byId('status').textContent") == "Expected something."
    page.value("void busy('Decoding', () => new Promise((done) => setTimeout(done, 300)))")
    page.wait("byId('status').textContent === 'Decoding …'")
    page.wait("byId('status').textContent === ''")


def test_an_error_of_the_server_is_shown(page):
    page.value("busy('x', () => state.source.call('item', { index: 999999 }))")
    page.wait("byId('status').textContent.includes('Expected an item')")
    page.events.clear()  # the browser reports the status 400 too


def test_the_file_needs_no_server(chromium, toy_map, tmp_path):
    path = tmp_path / "page.html"
    assert write_page(toy_map, "toy", str(path)) == len(toy_map.items.text)
    chromium.events.clear()
    chromium.open(path.as_uri())
    chromium.wait(READY)
    assert chromium.value("state.source.live") is False
    chromium.mouse("Moved", *place(chromium, 3))
    chromium.wait("!byId('tip').hidden && byId('tip').querySelector('img').naturalWidth")
    chromium.click(*place(chromium, 3))
    chromium.wait("state.current && state.current.index === 3")
    assert chromium.value("getComputedStyle(byId('tab-draw')).display") == "none"
    assert chromium.requests() == [path.as_uri()]
    assert chromium.problems() == []


def test_the_live_page_names_only_its_own_files():
    pages = live_pages("a <script>")
    assert b"<title>a &lt;script&gt;</title>" in pages[""].content
    assert {"", "page.css", *SCRIPTS} == set(pages)
    assert b"http" not in pages[""].content


def test_the_file_holds_everything_and_repeats():
    data = {"description": {"title": "</script><b>"}, "points": "", "columns": [], "texts": ["</script>"]}
    page = offline_page("t", data)
    assert page == offline_page("t", data)
    assert page.count("</script>") == len(SCRIPTS) + 1
    assert 'src="' not in page.split("<script")[0]
    assert "default-src 'none'" in page


def test_no_script_makes_markup_of_text():
    folder = Path(__file__).parents[2] / "sciencegen" / "browser" / "page"
    for name in SCRIPTS[1:]:
        text = (folder / name).read_text()
        assert not [
            word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(") if word in text
        ]

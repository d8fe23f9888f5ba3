"""The explorer: what is embedded, and how the page behaves in a browser without a network."""

import base64
import gzip
import html
import json
import math
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.lines import Line2D
from plotly.graph_objects import Scatter

from tests.unit.world_tables import GRID, INF, LLC_STEPS, SEEDS, STEPS, of_run
from transient_ridge.config.registries import PREDICTORS
from transient_ridge.report import explorer

SETTINGS = {"preset": "tests & <more>"}
RECORD = {"settings": SETTINGS, "wall_seconds": 1.5}
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)  # fmt: skip
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium here: apt-get install chromium, or a Chrome on the PATH"
)


@pytest.fixture(scope="module")
def page(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    explorer.make_explorer(frames, SETTINGS["preset"]).save(path, RECORD)
    return path


@pytest.fixture(scope="module")
def payload(page):
    """What the page embeds."""
    return json.loads(embedded(page, "data"))


def embedded(page, name):
    packed = re.search(rf'id="{name}">([A-Za-z0-9+/=]*)<', page.read_text())[1]
    return gzip.decompress(base64.b64decode(packed)).decode()


def one(payload, name):
    (run,) = [run for run in payload["runs"] if run["name"] == name]
    return run


def test_the_stage_reads_what_the_page_needs(frames):
    known = explorer.make_explorer.stage.tables
    data = explorer.payload({table: frames[table] for table in known}, "t")
    assert data == explorer.payload(frames, "t")


def test_the_data_are_those_of_the_tables(payload, frames):
    assert payload["title"] == "transient-ridge: tests & <more>"
    assert [each["label"] for each in payload["diversities"]] == ["1", "16", "64", "256", "∞"]
    assert payload["components"][:2] == ["PC1 (40.0 %)", "PC2 (20.0 %)"]
    assert len(payload["runs"]) == len(GRID) * len(SEEDS)
    for M, name in ((16, "M16-seed1"), (INF, "Minf-seed1")):
        run = one(payload, name)
        rows = of_run(frames["pca_trajectories"], M, 1)
        for component, values in enumerate(run["pc"], start=1):
            expected = rows[rows["component"] == component]["coordinate"]
            np.testing.assert_allclose(values, expected, rtol=1e-4)
        losses = of_run(frames["smoothed_losses"], M, 1)
        losses = losses[losses["token"].isna()]
        for key, dataset in explorer.LOSSES.items():
            expected = losses[losses["dataset"] == dataset]["loss"]
            np.testing.assert_allclose(run[key], expected, rtol=1e-4)
        assert run["steps"] == STEPS == payload["steps"]
        critical = of_run(frames["critical_steps"], M, 1)
        assert run["critical"] == critical[critical["curve"] == "smoothed"]["step"].item()
    assert set(one(payload, "Minf-seed0")["relative"]) == {None}
    assert None not in one(payload, "M16-seed0")["relative"]
    assert payload["ridge"] == 1.4


def test_an_unhealthy_llc_is_not_shown(payload, frames):
    llc = frames["llc"]
    assert not llc[llc["step"] == 0]["healthy"].any()
    for run in payload["runs"]:
        assert run["llc"]["steps"] == [LLC_STEPS[-1]]
    value = of_run(llc, 64, 1)["llc"].iloc[-1]
    assert one(payload, "M64-seed1")["llc"]["value"] == [pytest.approx(value, rel=1e-4)]


def test_predictors_are_points_with_the_marker_of_the_figures(payload):
    found = {point["name"]: (point["symbol"], point["group"]) for point in payload["ideal"]}
    expected = {f"dmmse, M = {M}": ("diamond", group) for group, M in enumerate(GRID[:-1])}
    assert found == {**expected, "ridge": ("square", None)}


@pytest.mark.parametrize("of_tasks", [True, False], ids=["of the tasks", "for all M"])
def test_a_third_predictor_is_another_point(of_tasks, with_third, small_frames):
    name, world = with_third(of_tasks)
    before, data = explorer.payload(small_frames, "t"), explorer.payload(world, "t")
    added = [point for point in data["ideal"] if point["name"].startswith(name)]
    assert [point for point in data["ideal"] if point not in added] == before["ideal"]
    groups = list(range(len(GRID) - 1)) if of_tasks else [None]
    assert [point["group"] for point in added] == groups
    assert {point["symbol"] for point in added} == {"triangle-down"}
    for key in ("steps", "ridge", "components", "diversities", "llc"):
        assert data[key] == before[key]
    # The noise of the distances is drawn anew.
    for run, other in zip(data["runs"], before["runs"], strict=True):
        assert {**run, "relative": None} == {**other, "relative": None}


def test_every_filled_marker_has_a_symbol_and_every_predictor_one_of_its_own():
    symbols = explorer.SYMBOLS
    assert set(symbols) == set(Line2D.filled_markers)
    assert len(set(symbols.values())) == len(symbols)
    for symbol in symbols.values():
        Scatter(marker={"symbol": symbol})  # raises on a name that Plotly does not know
    markers = [PREDICTORS.constant(name, "MARKER") for name in PREDICTORS.names]
    assert len({symbols[marker] for marker in markers}) == len(PREDICTORS.names)


def test_the_page_is_one_small_file_that_names_its_origin(page, frames, tmp_path):
    text = page.read_text()
    assert page.stat().st_size < 5e6
    assert "<title>transient-ridge: tests &amp; &lt;more&gt;</title>" in text
    assert not re.findall(r'(?:src|href)="', text)
    record = json.loads(html.unescape(re.search(r'name="description" content="(.*?)">', text)[1]))
    assert record == {"settings": SETTINGS}
    again = tmp_path / "again.html"
    explorer.make_explorer(frames, SETTINGS["preset"]).save(again, {**RECORD, "wall_seconds": 2.5})
    assert again.read_bytes() == page.read_bytes()


def test_steps_are_thinned_evenly_in_their_logarithm():
    steps = list(range(0, 150_001, 50))
    few = explorer.thinned(steps)
    assert len(few) <= explorer.POINTS
    assert (few[0], few[-1]) == (0, 150_000)
    assert set(few) <= set(steps)
    late = np.log([step for step in few if step > 20_000])
    assert np.diff(late).max() < 2 * np.diff(late).min() + 0.01
    assert explorer.thinned([0, 5, 7]) == [0, 5, 7]


def test_without_llc(frames):
    data = explorer.payload({**frames, "llc": frames["llc"].iloc[:0]}, "t")
    assert data["llc"] is False
    assert all("llc" not in run for run in data["runs"])
    assert math.isfinite(data["ridge"])


# -- in a browser -----------------------------------------------------------------------------

#: Watches the page from its first line on, awaits each step, and keeps its outcome for the test.
WATCH = """<script>
window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => faults.push("blocked " + event.blockedURI));
</script>"""
ACT = """<script>
(async () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
  while (document.querySelector("main").getAttribute("aria-busy") === "true" && !faults.length) await pause();
  const heads = () => { const d = document.getElementById("plane").data; return d[d.length - 1].x.slice(); };
  const rows = () => document.querySelectorAll("#numbers tbody tr").length;
  const line = () => document.getElementById("loss").layout.shapes[0].x0;
  const found = { before: heads(), lineBefore: line(), rows: rows(),
    traces: document.querySelectorAll(".js-line").length };
  const slider = document.getElementById("step");
  slider.focus();
  found.focused = document.activeElement === slider;
  slider.value = 3;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  found.after = heads(); found.lineAfter = line();
  found.caption = document.getElementById("numbers").caption.textContent;
  document.querySelector("#diversities input").click();
  found.rowsWithoutOne = rows();
  const ground = () => getComputedStyle(document.body).backgroundColor;
  found.ground = ground(); document.getElementById("theme").click(); found.otherGround = ground();
  found.plotGround = document.getElementById("plane").layout.paper_bgcolor;
  document.getElementById("up").value = 2;
  document.getElementById("up").dispatchEvent(new Event("change"));
  found.up = document.getElementById("plane").layout.yaxis.title.text;
  found.second = document.getElementById("second").layout.title.text;
  found.named = [...document.querySelectorAll("input, select, button")].every((c) => c.labels?.length || c.textContent);
  found.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.faults = faults;
  const out = document.createElement("pre");
  out.id = "outcome"; out.textContent = JSON.stringify(found);
  document.body.append(out);
})();
</script>"""


@pytest.fixture(scope="module")
def visited(page, tmp_path_factory) -> tuple[dict, str]:
    """The state of the page after it was used, and the browser's console."""
    tmp_path = tmp_path_factory.mktemp("browser")
    text = page.read_text()
    bent = tmp_path / "visited.html"
    bent.write_text(text.replace("<title>", WATCH + "<title>").replace("</body>", ACT + "</body>"))
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr", "--virtual-time-budget=30000", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--window-size=1300,900", "--dump-dom", bent.as_uri(),
        ],
        capture_output=True, text=True, timeout=240, check=True, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    outcome = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout)
    assert outcome, done.stderr[-2000:]
    return json.loads(html.unescape(outcome[1])), done.stderr


@needs_browser
def test_the_page_draws_and_the_slider_moves_every_run(visited):
    found, console = visited
    assert found["faults"] == []
    assert "CONSOLE" not in console
    assert found["requests"] == []
    runs = len(GRID) * len(SEEDS)
    assert len(found["before"]) == len(found["after"]) == runs
    assert all(a != b for a, b in zip(found["before"], found["after"], strict=True))
    assert (found["lineBefore"], found["lineAfter"]) == (STEPS[-1] + 1, STEPS[3] + 1)
    assert found["caption"] == f"At step {STEPS[3]}"
    assert (found["rows"], found["rowsWithoutOne"]) == (runs, runs - len(SEEDS))
    assert found["traces"] >= 3 * runs
    assert found["second"] == "Local learning coefficient"
    assert found["up"].startswith("PC3")


@needs_browser
def test_the_page_is_usable_by_keyboard_and_in_the_dark(visited):
    found, _ = visited
    assert found["focused"]
    assert found["named"]
    assert found["ground"] != found["otherGround"]
    assert found["plotGround"] == "#16181c"

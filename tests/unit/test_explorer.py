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

from tests.unit.test_figures import GRID, SEEDS, STEPS, synthetic, written
from transient_ridge.artefacts import tables
from transient_ridge.report import explorer

READ = (
    "pca_trajectories",
    "pca_idealised",
    "pca_variance",
    "smoothed_losses",
    "idealised_losses",
    "critical_steps",
    "relative_distances",
)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)  # fmt: skip
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium here: apt-get install chromium, or a Chrome on the PATH"
)


def llc_columns():
    columns = {name: [] for name in tables.TABLES["llc"]}
    for M in GRID:
        for seed in SEEDS:
            for step in (0, int(STEPS[-1])):
                row = dict.fromkeys(columns, 0.5) | {
                    "task_diversity": M, "seed": seed, "step": step, "component": "all", "token": None,
                    "llc": 10.0 + seed + step / 1000, "healthy": M != 4, "fault": None if M != 4 else "drift",
                }  # fmt: skip
                for name, column in columns.items():
                    column.append(row[name])
    return columns


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    data = synthetic()
    return written(
        tmp_path_factory.mktemp("tables"),
        {**{name: data[name] for name in READ}, "llc": llc_columns()},
    )


@pytest.fixture(scope="module")
def page(sources, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    explorer.describe_explorer(sources, {"title": "tests & <more>"}, path)
    return path


def embedded(page, name):
    packed = re.search(rf'id="{name}">([A-Za-z0-9+/=]*)<', page.read_text())[1]
    return gzip.decompress(base64.b64decode(packed)).decode()


def test_the_data_are_those_of_the_tables(page, sources):
    data = json.loads(embedded(page, "data"))
    frames = tables.read_all(sources)
    assert [each["label"] for each in data["diversities"]] == ["4", "16", "64", "∞"]
    assert len(data["runs"]) == len(GRID) * len(SEEDS)
    run = next(run for run in data["runs"] if run["name"] == "M16-seed1")
    rows = frames["pca_trajectories"]
    rows = rows[(rows["task_diversity"] == 16) & (rows["seed"] == 1) & (rows["component"] == 2)]
    np.testing.assert_allclose(run["pc"][1], rows.sort_values("step")["coordinate"], rtol=1e-4)
    assert run["steps"] == STEPS.tolist() == data["steps"]
    assert run["llc"]["value"] == [11.0, 31.0]
    infinite = next(run for run in data["runs"] if run["name"] == "Minf-seed0")
    assert set(infinite["relative"]) == {None}
    unhealthy = next(run for run in data["runs"] if run["name"] == "M4-seed0")
    assert unhealthy["llc"]["steps"] == []
    assert [point["name"] for point in data["ideal"] if point["ridge"]] == ["ridge"]


def test_the_page_is_one_small_file_that_names_its_origin(page, sources, tmp_path):
    text = page.read_text()
    assert page.stat().st_size < 5e6
    assert "<title>tests &amp; &lt;more&gt;</title>" in text
    assert not re.findall(r'(?:src|href)="', text)
    record = json.loads(html.unescape(re.search(r'name="description" content="(.*?)">', text)[1]))
    assert record["settings"] == {"title": "tests & <more>"}
    again = tmp_path / "again.html"
    explorer.describe_explorer(sources, {"title": "tests & <more>"}, again)
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


def test_without_llc(sources):
    frames = {name: frame for name, frame in tables.read_all(sources).items() if name != "llc"}
    data = explorer.payload(frames, "t")
    assert data["llc"] is False
    assert all("llc" not in run for run in data["runs"])
    assert math.isfinite(data["ridge"])


# -- in a browser -----------------------------------------------------------------------------

#: Watches the page from its first line on; a step is `await`ed and its outcome kept for the test.
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
    """What the page says of itself after it was used, and what the browser's console says."""
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


"use strict";

const of = (id) => document.getElementById(id);
const show = (value, digits = 3) => (value === null || value === undefined ? "-" : value.toPrecision(digits));

/* What is embedded is base64 of gzip; the browser unpacks it. */
async function unpack(id) {
  const bytes = Uint8Array.from(atob(of(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/* Index of the last of the ascending steps that is not after `step`. */
function upTo(steps, step) {
  let found = 0;
  for (let i = 0; i < steps.length && steps[i] <= step; i += 1) found = i;
  return found;
}

function nearest(steps, step) {
  if (!steps || !steps.length) return -1;
  const far = steps.map((other) => Math.abs(other - step));
  return far.indexOf(Math.min(...far));
}

function explore(data) {
  const state = { index: data.steps.length - 1, across: 0, up: Math.min(1, data.components.length - 1), timer: null };
  state.chosen = new Set(data.diversities.map((_, group) => group));
  const quiet = { responsive: true, displaylogo: false, displayModeBar: false };

  const step = () => data.steps[state.index];
  const colour = (group) => (group === null ? css("--ink") : data.diversities[group][dark() ? "dark" : "light"]);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const runs = () => data.runs.filter((run) => state.chosen.has(run.group));
  const llcAt = (run, at) => (run.llc ? nearest(run.llc.steps, at) : -1);

  function words(run, i) {
    const at = run.steps[i];
    const j = llcAt(run, at);
    const llc = j < 0 ? "" : `<br>LLC ${show(run.llc.value[j])} ± ${show(run.llc.error[j], 2)} (step ${run.llc.steps[j]})`;
    return `M = ${data.diversities[run.group].label}, seed ${run.seed}, step ${at}<br>OOD loss ${show(run.ood[i])}` +
      `<br>loss on q<sub>M</sub> ${show(run.inside[i])}<br>relative distance ${show(run.relative[i])}${llc}`;
  }

  function layout(x, y, more) {
    const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), linecolor: css("--soft"), ticks: "outside", automargin: true };
    return {
      paper_bgcolor: css("--ground"), plot_bgcolor: css("--ground"), font: { color: css("--ink"), size: 12 },
      margin: { l: 55, r: 10, t: 24, b: 42 }, showlegend: false, hovermode: "closest",
      xaxis: { ...axis, title: { text: x } }, yaxis: { ...axis, title: { text: y } }, ...more(axis),
    };
  }

  /* Steps on a logarithmic axis: step + 1, so that step 0 has a place. */
  const late = (steps) => steps.map((at) => at + 1);
  const marks = (level) => [{ type: "line", xref: "x", yref: "paper", x0: step() + 1, x1: step() + 1, y0: 0, y1: 1,
    line: { color: css("--soft"), width: 1, dash: "dot" } }].concat(level === null ? [] : [{ type: "line", xref: "paper", yref: "y",
    x0: 0, x1: 1, y0: level, y1: level, line: { color: css("--ink"), width: 1, dash: "dash" } }]);

  function plane() {
    const traces = [];
    for (const run of runs()) {
      const words_ = run.steps.map((_, i) => words(run, i));
      const line = { color: colour(run.group), width: 1 };
      traces.push({ x: run.pc[state.across], y: run.pc[state.up], mode: "lines", line, opacity: 0.25, text: words_,
        hoverinfo: "text", name: run.name });
    }
    for (const run of runs()) {
      const last = upTo(run.steps, step()) + 1;
      traces.push({ x: run.pc[state.across].slice(0, last), y: run.pc[state.up].slice(0, last), mode: "lines",
        line: { color: colour(run.group), width: 2 }, hoverinfo: "skip", name: run.name });
    }
    for (const ideal of data.ideal) {
      if (ideal.group !== null && !state.chosen.has(ideal.group)) continue;
      traces.push({ x: [ideal.pc[state.across]], y: [ideal.pc[state.up]], mode: "markers", text: [ideal.name], hoverinfo: "text",
        marker: { color: colour(ideal.group), size: 10, symbol: ideal.symbol,
          line: { color: css("--ground"), width: 1 } }, name: ideal.name });
    }
    const at = runs().map((run) => [run, upTo(run.steps, step())]);
    traces.push({ x: at.map(([run, i]) => run.pc[state.across][i]), y: at.map(([run, i]) => run.pc[state.up][i]),
      text: at.map(([run, i]) => words(run, i)), mode: "markers", hoverinfo: "text", name: "now",
      marker: { color: at.map(([run]) => colour(run.group)), size: 11, line: { color: css("--ground"), width: 1.5 } } });
    const titles = [data.components[state.across], data.components[state.up]];
    Plotly.react("plane", traces, layout(...titles, () => ({ uirevision: titles.join(), title: { text: "Joint trajectory PCA",
      x: 0.02, font: { size: 13 } } })), quiet);
  }

  function curves(where, title, label, values, range, level) {
    const traces = [];
    const heads = { x: [], y: [], text: [], mode: "markers", hoverinfo: "text", name: "now",
      marker: { color: [], size: 8, line: { color: css("--ground"), width: 1 } } };
    for (const run of runs()) {
      const { steps, ys, error, dots } = values(run);
      if (!steps.length) continue;
      traces.push({ x: late(steps), y: ys, mode: dots ? "lines+markers" : "lines", name: run.name, hoverinfo: "text",
        marker: { size: 4 }, line: { color: colour(run.group), width: 1.5 },
        error_y: error ? { array: error, width: 0, thickness: 1 } : undefined,
        text: steps.map((at) => words(run, upTo(run.steps, at))) });
      const i = upTo(steps, step());
      heads.x.push(steps[i] + 1);
      heads.y.push(ys[i]);
      heads.text.push(words(run, upTo(run.steps, steps[i])));
      heads.marker.color.push(colour(run.group));
    }
    traces.push(heads);
    Plotly.react(where, traces, layout("training step + 1", label, (axis) => ({ shapes: marks(level), uirevision: where,
      title: { text: title, x: 0.02, font: { size: 13 } }, xaxis: { ...axis, type: "log", title: { text: "training step + 1" }, dtick: 1,
        range: [-0.05, Math.log10(data.steps[data.steps.length - 1] + 1) + 0.05] },
      yaxis: { ...axis, title: { text: label }, ...range } })), quiet);
  }

  function numbers() {
    of("numbers").caption.textContent = `At step ${step()}`;
    const rows = runs().map((run) => {
      const i = upTo(run.steps, step());
      const j = llcAt(run, run.steps[i]);
      const cells = [run.seed, show(run.pc[state.across][i]), show(run.pc[state.up][i]), show(run.ood[i]), show(run.inside[i]),
        show(run.relative[i]), j < 0 ? "-" : `${show(run.llc.value[j])} ± ${show(run.llc.error[j], 2)}`, run.critical ?? "-"];
      const row = document.createElement("tr");
      row.dataset.run = run.name;
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = data.diversities[run.group].label;
      row.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    of("numbers").tBodies[0].replaceChildren(...rows);
  }

  function draw() {
    of("step").value = state.index;
    of("step").setAttribute("aria-valuetext", `step ${step()}`);
    of("now").textContent = step().toLocaleString("en");
    plane();
    curves("loss", "OOD loss (dashed: ridge)", "units of y²", (run) => ({ steps: run.steps, ys: run.ood }), { type: "log" }, data.ridge);
    if (data.llc) {
      curves("second", "Local learning coefficient", "LLC",
        (run) => ({ steps: run.llc.steps, ys: run.llc.value, error: run.llc.error, dots: true }), {}, null);
    } else {
      curves("second", "Relative distance (LLC not measured)", "0 = ridge, 1 = dMMSE",
        (run) => ({ steps: run.steps, ys: run.relative }), { range: [-0.03, 1.03] }, 0.5);
    }
    numbers();
  }

  function move(index) {
    state.index = Math.max(0, Math.min(data.steps.length - 1, index));
    draw();
  }

  function play(on) {
    clearInterval(state.timer);
    state.timer = null;
    of("play").textContent = on ? "Pause" : "Play";
    of("play").setAttribute("aria-pressed", String(on));
    if (!on) return;
    if (state.index === data.steps.length - 1) move(0);
    const stride = Math.max(1, Math.round(data.steps.length / 150));
    state.timer = setInterval(() => (state.index < data.steps.length - 1 ? move(state.index + stride) : play(false)), 80);
  }

  function swatches() {
    document.querySelectorAll(".swatch").forEach((swatch, group) => { swatch.style.background = colour(group); });
  }

  function choose(all) {
    state.chosen = new Set(all ? data.diversities.map((_, group) => group) : []);
    document.querySelectorAll("#diversities input").forEach((box) => { box.checked = all; });
    draw();
  }

  data.diversities.forEach((each, group) => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true, value: group });
    box.addEventListener("change", () => { state.chosen[box.checked ? "add" : "delete"](group); draw(); });
    const text = document.createElement("label");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    text.append(box, swatch, each.label);
    of("diversities").append(text);
  });
  for (const id of ["across", "up"]) {
    data.components.forEach((name, i) => of(id).append(new Option(name, i, false, i === state[id])));
    of(id).addEventListener("change", (event) => { state[id] = Number(event.target.value); draw(); });
  }
  of("step").max = data.steps.length - 1;
  of("step").addEventListener("input", (event) => { play(false); move(Number(event.target.value)); });
  of("play").addEventListener("click", () => play(state.timer === null));
  of("all").addEventListener("click", () => choose(true));
  of("none").addEventListener("click", () => choose(false));
  of("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    swatches();
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { swatches(); draw(); });
  swatches();
  draw();
}

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack gzip; use one from 2023 or later");
  const library = document.createElement("script");
  library.textContent = await unpack("library");
  document.head.append(library);
  explore(JSON.parse(await unpack("data")));
  document.querySelector("main").setAttribute("aria-busy", "false");
}

start().catch((error) => {
  of("fault").hidden = false;
  of("fault").textContent = `The page cannot be drawn: ${error.message}`;
  throw error;
});

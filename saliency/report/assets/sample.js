"use strict";

// One sample: all methods and targets side by side, its measures, and what the manifest says of it.
report.sample = async (main, { item, settings: first }) => {
  const { element, number } = report;
  const { targets, methods, ndim } = report.settings;
  const data = await report.samples.open(first.model, first.target);
  const row = data.row.get(item);
  const back = () => report.state.link("gallery", null, without(report.state.read().settings, ["x", "y", "z"]));
  const without = (settings, names) => Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name)));
  if (row === undefined) {
    main.replaceChildren(element("h1", { tabindex: "-1" }, "No such sample"), element("p", { class: "empty" }, `The manifest has no sample “${item}”. `, element("a", { href: "#/gallery" }, "To the gallery")));
    return { update: () => {} };
  }
  let beside = [];
  let neighbours = [null, null];
  const controls = report.controls(["opacity", "colours", "signed"]);
  const crumbs = element("p", { class: "crumbs" });
  const lead = element("p", { class: "lead" });
  const problem = element("div", {});
  const panels = element("div", {});
  const facts = element("div", { class: "details" });
  const before = element("a", { class: "button", rel: "prev" }, "← Before");
  const after = element("a", { class: "button", rel: "next" }, "Next →");
  main.replaceChildren(
    crumbs,
    element("div", { class: "title" }, element("h1", { tabindex: "-1" }, item), element("div", { class: "steps" }, before, after)),
    lead,
    problem,
    controls.element,
    panels,
    facts,
  );
  let drawn = "";
  let described = "";
  let view = null;
  let start = [0, 0, 0];

  async function update({ settings }) {
    const own = await report.samples.open(settings.model, settings.target);
    // Moving a slider changes pictures only.
    const key = JSON.stringify(without(settings, ["x", "y", "z", "opacity"]));
    if (key !== described) await describeAll(own, settings);
    described = key;
    const readable = (await report.pictures.tile(settings.model, "inputs", row)) !== null;
    controls.update(settings);
    controls.element.hidden = !readable;
    crumbs.querySelector("a").href = back();
    neighbours = beside.map((id) => (id === undefined ? null : report.state.link("sample", id, without(settings, ["x", "y", "z"]))));
    [before, after].forEach((link, side) => {
      if (neighbours[side]) link.href = neighbours[side];
      else link.removeAttribute("href");
      link.setAttribute("aria-disabled", String(!neighbours[side]));
    });
    if (!readable) {
      panels.replaceChildren();
      view = null;
    } else if (ndim === 3) {
      if (drawn !== settings.model) await openVolumes(settings);
      view.update(settings, start);
    } else {
      await drawTiles(settings);
    }
    drawn = readable ? settings.model : "";
  }

  async function describeAll(own, settings) {
    const rows = report.samples.choose(own, settings);
    const at = rows.indexOf(row);
    beside = [-1, 1].map((step) => (at >= 0 ? own.ids[rows[at + step]] : undefined));
    crumbs.replaceChildren(element("a", {}, "Gallery"), at >= 0 ? ` · ${(at + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : "");
    describe(own);
    problem.replaceChildren(...(own.status.value(row) === "ok" ? [] : [element("div", { class: "banner bad", role: "note" }, element("p", {}, element("strong", {}, "This sample has no result.")), element("p", {}, own.problems.get(item) ?? own.status.value(row)))]));
    await details(own, settings);
  }

  function describe(own) {
    const status = own.status.value(row);
    const words = [];
    if (own.label[row] !== null) words.push(`Label ${own.className(own.label[row])}`);
    if (own.predicted[row] !== null) words.push(`predicted ${own.className(own.predicted[row])}${own.probability[row] === null ? "" : ` with probability ${own.probability[row].toFixed(2)}`}`);
    if (status !== "ok") words.push(status);
    const mark = { 1: ["right", "correct"], 0: ["wrong", "wrong"] }[own.correct[row]];
    const text = words.join(", ");
    lead.replaceChildren(text.charAt(0).toUpperCase() + text.slice(1), ...(mark ? [" ", element("span", { class: `tag ${mark[0]}` }, mark[1])] : []));
  }

  // Pictures: the input once, then a row of maps for each target.
  async function drawTiles(settings) {
    if (!panels.firstChild) {
      const input = panel("inputs", "Input", null);
      panels.replaceChildren(
        ...targets.map((target) =>
          element(
            "section",
            { class: "target" },
            element("h2", { "data-target": target }),
            element("div", { class: "panels" }, target === targets[0] ? input : element("div", { class: "spacer" }), methods.map((method) => panel(method, report.colours.titles[method], target))),
          ),
        ),
      );
    }
    for (const heading of panels.querySelectorAll("h2[data-target]")) heading.textContent = await explained(settings, heading.dataset.target);
    const drawing = [...panels.querySelectorAll("figure")].map(async (figure) => {
      const { method, target } = figure.dataset;
      const canvas = figure.querySelector("canvas");
      const shown = await report.pictures.draw(canvas, row, method === "inputs" ? "none" : method, settings, target);
      const legend = figure.querySelector(".legend-place");
      legend.replaceChildren(...(shown && method !== "inputs" ? [report.colours.legend(method, settings, shown.range)] : []));
      if (!shown) legend.replaceChildren(element("span", { class: "note" }, "There is no map."));
    });
    await Promise.all(drawing);
  }

  function panel(method, title, target) {
    const canvas = element("canvas", { role: "img", "aria-label": `${title} of ${item}${target ? `, explained class: ${target}` : ""}` });
    return element("figure", { "data-method": method, "data-target": target ?? targets[0] }, element("figcaption", {}, title), element("span", { class: "frame" }, canvas), element("div", { class: "legend-place" }));
  }

  async function explained(settings, target) {
    const of = await report.samples.open(settings.model, target);
    const name = of.explained[row];
    return `${target.replaceAll("_", " ")}: ${name === null ? "no class is explained" : of.className(name)}`;
  }

  async function openVolumes(settings) {
    panels.replaceChildren(element("p", { class: "note", role: "status" }, "Reading the volume …"));
    const input = await report.pictures.volume(settings.model, "inputs", row);
    const layers = [{ key: "inputs", title: "Input", volume: input }];
    for (const target of targets) {
      for (const method of methods) {
        const map = await report.pictures.volume(settings.model, `${target}/${method}`, row);
        const title = targets.length > 1 ? `${report.colours.titles[method]}, ${await explained(settings, target)}` : report.colours.titles[method];
        const layer = { key: `${target}/${method}`, title, volume: map ? input : null, map, method };
        layers.push(layer);
        if (method === "gradcam" && target === targets[0] && map) {
          const peak = report.pictures.peak(map.levels);
          const [, height, depth] = map.shape;
          start = [Math.floor(peak / (height * depth)), Math.floor(peak / depth) % height, peak % depth];
        }
      }
    }
    view = report.volume(layers, input.shape, input.spacing ?? [1, 1, 1], item);
    panels.replaceChildren(view.element);
  }

  async function details(own, settings) {
    const every = await Promise.all(targets.map((target) => report.samples.open(settings.model, target)));
    const names = [...new Set(every.flatMap((of) => Object.keys(of.measures)))].filter((name) => name !== "probability" && !(name in own.columns));
    const measured = names.map((name) => [name, ...every.map((of) => number(of.measures[name]?.[row] ?? null))]);
    const clusters = every.map((of) => (of.cluster[row] === null ? "–" : String(of.cluster[row] + 1)));
    const classes = every.map((of) => (of.explained[row] === null ? "–" : element("a", { href: report.state.link("class", String(of.explained[row]), report.state.keep(settings)) }, of.className(of.explained[row]))));
    const metadata = Object.keys(own.columns).map((name) => [name, own.column(name, row) || "–"]);
    facts.replaceChildren(
      element("section", {}, element("h2", {}, "Measures"), report.table("Measures", ["Measure", ...targets], [["class explained", ...classes], ["cluster", ...clusters], ...measured])),
      element("section", {}, element("h2", {}, "Manifest"), report.table("Manifest", ["Column", "Value"], [["id", item], ["label", number(own.label[row])], ...metadata])),
    );
  }

  function keydown(event) {
    if (report.typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") location.hash = back();
    const side = { ArrowLeft: 0, ArrowRight: 1 }[event.key];
    if (side !== undefined && neighbours[side]) location.hash = neighbours[side];
  }

  document.addEventListener("keydown", keydown);
  await update({ settings: first });
  return { update, leave: () => document.removeEventListener("keydown", keydown) };
};

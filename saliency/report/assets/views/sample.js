"use strict";

// One sample: the maps of all methods and targets side by side, its measures, and its row of the manifest.
report.views.register({
  route: "sample",
  title: (item) => item,
  under: "gallery",
  // What is known of the samples, by target.
  async data({ model }) {
    const { targets } = report.settings;
    const opened = await Promise.all(targets.map((target) => report.samples.open(model, target)));
    return new Map(targets.map((target, at) => [target, opened[at]]));
  },
  make(main, { item, settings: first, data: firstData }) {
    const { element, number } = report;
    const { targets, ndim } = report.settings;
    const methods = report.methods.names;
    const row = firstData.get(first.target).row.get(item);
    if (row === undefined) {
      const to = element("a", { href: report.state.link("gallery") }, "Go to the gallery");
      main.replaceChildren(
        element("h1", { tabindex: "-1" }, "No such sample"),
        element("p", { class: "empty" }, `The manifest has no sample “${item}”. `, to),
      );
      return { update: () => {} };
    }
    const without = (settings, names) =>
      Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name)));
    const back = () => report.state.link("gallery", null, without(report.state.read().settings, ["x", "y", "z"]));
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
      element(
        "div",
        { class: "title" },
        element("h1", { tabindex: "-1" }, item),
        element("div", { class: "steps" }, before, after),
      ),
      lead,
      problem,
      controls.element,
      panels,
      facts,
    );
    let neighbours = []; // ids of the sample before and the next
    let links = [];
    let described = "";
    const volumes = new Map(); // by model

    async function update({ settings, data }) {
      // Moving a slider changes pictures only.
      const key = JSON.stringify(without(settings, ["x", "y", "z", "opacity"]));
      if (key !== described) describe(data, settings);
      described = key;
      controls.update(settings);
      crumbs.querySelector("a").href = back();
      const kept = without(settings, ["x", "y", "z"]);
      links = neighbours.map((id) => (id === undefined ? null : report.state.link("sample", id, kept)));
      [before, after].forEach((link, side) => {
        if (links[side]) link.href = links[side];
        else link.removeAttribute("href");
        link.setAttribute("aria-disabled", String(!links[side]));
      });
      const readable = (await report.pictures.tile(settings.model, "inputs", row)) !== null;
      controls.element.hidden = !readable;
      if (!readable) panels.replaceChildren();
      else if (ndim === 3) await drawVolumes(settings, data);
      else await drawTiles(settings, data);
    }

    function describe(data, settings) {
      const own = data.get(settings.target);
      const rows = report.samples.choose(own, settings);
      const at = rows.indexOf(row);
      const place = `${(at + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
      neighbours = [-1, 1].map((step) => (at >= 0 ? own.ids[rows[at + step]] : undefined));
      crumbs.replaceChildren(element("a", {}, "Gallery"), at >= 0 ? ` · ${place}` : "");
      lead.replaceChildren(...predicted(own));
      problem.replaceChildren(...failure(own));
      facts.replaceChildren(measures(data, settings), manifest(own));
    }

    function predicted(own) {
      const status = own.status.value(row);
      const [label, found, probability] = [own.label[row], own.predicted[row], own.probability[row]];
      const words = [];
      if (label !== null) words.push(`label ${own.className(label)}`);
      if (found !== null) {
        // Of several classes, the most probable one is explained.
        const most = Array.isArray(found) && found.length > 1 ? " for the most probable" : "";
        const sure = probability === null ? "" : ` with probability ${probability.toFixed(2)}${most}`;
        words.push(`predicted ${own.className(found)}${sure}`);
      }
      if (status !== "ok") words.push(status);
      const text = words.join(", ");
      const [kind, mark] = { 1: ["right", "correct"], 0: ["wrong", "wrong"] }[own.correct[row]] ?? [];
      const tag = mark ? [" ", element("span", { class: `tag ${kind}` }, mark)] : [];
      return [text.charAt(0).toUpperCase() + text.slice(1), ...tag];
    }

    function failure(own) {
      const status = own.status.value(row);
      if (status === "ok") return [];
      return [
        element(
          "div",
          { class: "banner bad", role: "note" },
          element("p", {}, element("strong", {}, "This sample has no result.")),
          element("p", {}, own.problems.get(item) ?? status),
        ),
      ];
    }

    // Pictures: the input once, then a row of maps for each target.
    async function drawTiles(settings, data) {
      if (!panels.firstChild) panels.replaceChildren(...targets.map(rowOfPanels));
      for (const heading of panels.querySelectorAll("h2[data-target]")) {
        heading.textContent = explained(data, heading.dataset.target);
      }
      await Promise.all([...panels.querySelectorAll("figure")].map((figure) => drawPanel(figure, settings)));
    }

    function rowOfPanels(target) {
      const input = target === targets[0] ? panel("inputs", "Input", null) : element("div", { class: "spacer" });
      const maps = methods.map((method) => panel(method, report.methods.title(method), target));
      return element(
        "section",
        { class: "target" },
        element("h2", { "data-target": target }),
        element("div", { class: "panels" }, input, maps),
      );
    }

    function panel(method, title, target) {
      const label = `${title} of ${item}${target ? `, explained class: ${target}` : ""}`;
      return element(
        "figure",
        { "data-method": method, "data-target": target ?? targets[0] },
        element("figcaption", {}, title),
        element("span", { class: "frame" }, element("canvas", { role: "img", "aria-label": label })),
        element("div", { class: "legend-place" }),
      );
    }

    async function drawPanel(figure, settings) {
      const { method, target } = figure.dataset;
      const canvas = figure.querySelector("canvas");
      const drawn = method === "inputs" ? "none" : method;
      const shown = await report.pictures.draw(canvas, row, drawn, settings, target);
      const legend = figure.querySelector(".legend-place");
      if (!shown) legend.replaceChildren(element("span", { class: "note" }, "There is no map."));
      else if (method === "inputs") legend.replaceChildren();
      else legend.replaceChildren(report.colours.legend(method, settings, shown.range));
    }

    function explained(data, target) {
      const of = data.get(target);
      const name = of.explained[row];
      return `${target.replaceAll("_", " ")}: ${name === null ? "no class is explained" : of.className(name)}`;
    }

    async function drawVolumes(settings, data) {
      if (!volumes.has(settings.model)) {
        panels.replaceChildren(element("p", { class: "note", role: "status" }, "Reading the volume …"));
      }
      const { view, start } = await report.remember(volumes, settings.model, () => openVolumes(settings.model, data));
      if (report.state.read().settings.model !== settings.model) return;
      if (view.element.parentNode !== panels) panels.replaceChildren(view.element);
      view.update(settings, start);
    }

    async function openVolumes(model, data) {
      const { peak, volume } = report.pictures;
      const input = await volume(model, "inputs", row);
      const layers = [{ key: "inputs", title: "Input", volume: input }];
      let start = input.shape.map((size) => Math.floor(size / 2));
      for (const target of targets) {
        for (const method of methods) {
          const map = await volume(model, `${target}/${method}`, row);
          const of = targets.length > 1 ? `, ${explained(data, target)}` : "";
          const title = `${report.methods.title(method)}${of}`;
          layers.push({ key: `${target}/${method}`, title, volume: map ? input : null, map, method });
          if (method === report.methods.leading && target === targets[0] && map) {
            const found = peak(map.levels);
            const [, height, depth] = map.shape;
            start = [Math.floor(found / (height * depth)), Math.floor(found / depth) % height, found % depth];
          }
        }
      }
      return { view: report.volume(layers, input.shape, input.spacing ?? [1, 1, 1], input.sides, item), start };
    }

    function measures(data, settings) {
      const every = [...data.values()];
      const columns = every[0].columns;
      const names = [...new Set(every.flatMap((of) => Object.keys(of.measures)))].filter(
        (name) => name !== "probability" && !(name in columns),
      );
      const kept = report.state.keep(settings);
      const classes = every.map((of) => {
        const name = of.explained[row];
        if (name === null) return "–";
        return element("a", { href: report.state.link("class", String(name), kept) }, of.className(name));
      });
      const clusters = every.map((of) => (of.cluster[row] === null ? "–" : String(of.cluster[row] + 1)));
      const measured = names.map((name) => [name, ...every.map((of) => number(of.measures[name]?.[row] ?? null))]);
      const rows = [["class explained", ...classes], ["cluster", ...clusters], ...measured];
      return element(
        "section",
        {},
        element("h2", {}, "Measures"),
        report.table("Measures", ["Measure", ...targets], rows),
      );
    }

    function manifest(own) {
      const metadata = Object.keys(own.columns).map((name) => [name, own.column(name, row) || "–"]);
      const label = Array.isArray(own.label[row]) ? own.label[row].join(";") : number(own.label[row]);
      const rows = [["id", item], ["label", label], ...metadata];
      return element("section", {}, element("h2", {}, "Manifest"), report.table("Manifest", ["Column", "Value"], rows));
    }

    const go = (side) => () => {
      if (links[side]) location.hash = links[side];
    };
    return {
      update,
      keys: {
        Escape: () => {
          location.hash = back();
        },
        ArrowLeft: go(0),
        ArrowRight: go(1),
        // There is no choice of a map here: all of them are shown.
        o: () => {
          const { opacity } = report.state.read().settings;
          report.state.change({ opacity: opacity === "0" ? null : "0" });
        },
      },
    };
  },
});

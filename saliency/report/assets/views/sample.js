"use strict";

// One sample: the maps of all methods and targets side by side, its measures, and its row of the manifest.
report.views.register({
  route: "sample",
  title: (item) => item,
  under: "gallery",
  // What is known of the samples, by target; `others` of the model with which the address compares.
  async data({ model, other }) {
    const { targets, models } = report.settings;
    const open = async (name) => {
      const opened = await Promise.all(targets.map((target) => report.samples.open(name, target)));
      return new Map(targets.map((target, at) => [target, opened[at]]));
    };
    const data = await open(model);
    data.others = models.includes(other) && other !== model ? await open(other) : null;
    return data;
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
    const zoom = report.zoom();
    const compare = report.select("Compare with", "other", [], (value) => report.state.change({ other: value }));
    const several = report.settings.models.length > 1;
    const further = [...(several ? [compare] : []), ...(ndim === 2 ? [zoom.controls] : [])];
    const controls = report.controls(["opacity", "overlay", "mask", "colours", "signed"], further);
    const crumbs = element("p", { class: "crumbs" });
    const lead = element("p", { class: "lead" });
    const problem = element("div", {});
    const panels = element("div", {});
    const facts = element("div", { class: "details" });
    const nearest = report.nearest();
    const copying = report.copying([
      ["Copy link", () => location.href],
      ["Copy citation", () => report.citation(item, report.state.read().settings)],
    ]);
    const before = element("a", { class: "button", rel: "prev" }, "← Before");
    const after = element("a", { class: "button", rel: "next" }, "Next →");
    main.replaceChildren(
      crumbs,
      element(
        "div",
        { class: "title" },
        element("h1", { tabindex: "-1" }, item),
        element("div", { class: "steps" }, copying, before, after),
      ),
      lead,
      problem,
      controls.element,
      panels,
      nearest.element,
      facts,
    );
    let neighbours = []; // ids of the sample before and the next
    let links = [];
    let described = "";
    let drawnOf = "";
    const volumes = new Map(); // by model, or two of them
    const shownOf = new Map(); // by figure: its map or picture

    const compared = ({ model, other }) =>
      report.settings.models.includes(other) && other !== model ? [model, other] : [model];

    async function update({ settings, data }) {
      // Moving a slider changes pictures only.
      const key = JSON.stringify(without(settings, ["x", "y", "z", "opacity", "at"]));
      if (key !== described) describe(data, settings);
      described = key;
      controls.update(settings);
      const others = report.settings.models.filter((model) => model !== settings.model);
      if (several) compare.fill([["", "none"], ...others.map((model) => [model, model])], settings.other ?? "");
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
      await nearest.update(data.get(settings.target), row, settings);
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
      const models = compared(settings);
      if (drawnOf !== models.join("\0")) {
        const side = (model) => targets.map((target) => rowOfPanels(target, model, models));
        panels.replaceChildren(...models.flatMap(side));
        for (const frame of panels.querySelectorAll(".frame")) {
          zoom.add(frame);
          frame.addEventListener("pointermove", (event) => read(zoom.place(frame, event)));
          frame.addEventListener("pointerleave", () => read(null));
        }
      }
      drawnOf = models.join("\0");
      for (const heading of panels.querySelectorAll("h2[data-target]")) {
        const { target, model } = heading.dataset;
        const of = model === settings.model ? data : data.others;
        heading.textContent = `${models.length > 1 ? `${model}, ` : ""}${explained(of, target)}`;
      }
      await Promise.all([...panels.querySelectorAll("figure")].map((figure) => drawPanel(figure, settings)));
    }

    // What all maps hold at the place under the pointer.
    function read(place) {
      const [high, across] = report.settings.sizes[report.state.read().settings.model];
      for (const [figure, { image, range }] of shownOf) {
        const output = figure.querySelector("output");
        const inside = place?.every((share) => share >= 0 && share < 1);
        if (!inside) {
          output.textContent = "";
          continue;
        }
        const [x, y] = [Math.floor(place[0] * image.width), Math.floor(place[1] * image.height)];
        const at = 4 * (y * image.width + x);
        const values =
          figure.dataset.method === "inputs"
            ? [...image.data.subarray(at, at + 3)].join(", ")
            : report.number(range[0] + (image.data[at] / 255) * (range[1] - range[0]));
        output.textContent = `row ${Math.floor(place[1] * high)}, column ${Math.floor(place[0] * across)}: ${values}`;
      }
    }

    function rowOfPanels(target, model, models) {
      const input = target === targets[0] ? panel("inputs", "Input", null, model) : element("div", { class: "spacer" });
      const maps = methods.map((method) => panel(method, report.methods.title(method), target, model));
      return element(
        "section",
        { class: models.length > 1 ? "target of-two" : "target" },
        element("h2", { "data-target": target, "data-model": model }),
        element("div", { class: "panels" }, input, maps),
      );
    }

    function panel(method, title, target, model) {
      const label = `${title} of ${item}, ${model}${target ? `, explained class: ${target}` : ""}`;
      return element(
        "figure",
        { "data-method": method, "data-target": target ?? targets[0], "data-model": model },
        element("figcaption", {}, title, report.explain(method, title)),
        element("span", { class: "frame" }, element("canvas", { role: "img", "aria-label": label })),
        element("output", { class: "value" }),
        element("div", { class: "legend-place" }),
      );
    }

    async function drawPanel(figure, settings) {
      const { method, target, model } = figure.dataset;
      const canvas = figure.querySelector("canvas");
      const drawn = method === "inputs" ? "none" : method;
      const shown = await report.pictures.draw(canvas, row, drawn, { ...settings, model }, target);
      if (shown) shownOf.set(figure, shown);
      for (const other of shownOf.keys()) if (!other.isConnected) shownOf.delete(other);
      const legend = figure.querySelector(".legend-place");
      if (!shown) legend.replaceChildren(element("span", { class: "note" }, "There is no map."));
      else if (method === "inputs") legend.replaceChildren();
      else
        legend.replaceChildren(
          report.colours.legend(method, settings, shown.range),
          take(method, target, model, shown),
        );
    }

    // The map as it is shown, at the report's size; the raw one lies in the store.
    function take(method, target, model, { image, range }) {
      const name = `${item}_${model}_${target}_${method}`.replace(/[^A-Za-z0-9._-]+/g, "-");
      const save = () => {
        const levels = Float32Array.from({ length: image.width * image.height }, (_, at) => image.data[4 * at]);
        const values = levels.map((level) => range[0] + (level / 255) * (range[1] - range[0]));
        report.save(report.npy(values, [image.height, image.width]), `${name}.npy`);
      };
      const label = `Save ${report.methods.title(method)} of ${model}, ${target}, as shown`;
      return element("button", { type: "button", class: "small", "aria-label": label, onclick: save }, "Save as .npy");
    }

    function explained(data, target) {
      const of = data.get(target);
      const name = of.explained[row];
      return `${target.replaceAll("_", " ")}: ${name === null ? "no class is explained" : of.className(name)}`;
    }

    async function drawVolumes(settings, data) {
      const models = compared(settings);
      const key = models.join("\0");
      if (!volumes.has(key)) {
        panels.replaceChildren(element("p", { class: "note", role: "status" }, "Reading the volume …"));
      }
      const { view, start } = await report.remember(volumes, key, () => openVolumes(models, data));
      if (compared(report.state.read().settings).join("\0") !== key) return;
      if (view.element.parentNode !== panels) panels.replaceChildren(view.element);
      view.update(settings, start);
    }

    async function openVolumes(models, data) {
      const { peak, volume } = report.pictures;
      const [model, second] = models;
      const opened = (name) => (report.settings.masks ? volume(name, "mask", row) : null);
      const [input, mask] = await Promise.all([volume(model, "inputs", row), opened(model)]);
      const layers = [{ key: "inputs", title: "Input", volume: input, mask }];
      let start = input.shape.map((size) => Math.floor(size / 2));
      for (const target of targets) {
        for (const method of methods) {
          const map = await volume(model, `${target}/${method}`, row);
          const of = targets.length > 1 ? `, ${explained(data, target)}` : "";
          const title = `${report.methods.title(method)}${of}`;
          layers.push({ key: `${target}/${method}`, title, volume: map ? input : null, map, method, mask });
          if (method === report.methods.leading && target === targets[0] && map) {
            const found = peak(map.levels);
            const [, height, depth] = map.shape;
            start = [Math.floor(found / (height * depth)), Math.floor(found / depth) % height, found % depth];
          }
        }
      }
      if (second !== undefined) {
        const [input, mask] = await Promise.all([volume(second, "inputs", row), opened(second)]);
        for (const target of targets) {
          for (const method of methods) {
            const map = await volume(second, `${target}/${method}`, row);
            const title = `${second}: ${report.methods.title(method)}, ${explained(data.others, target)}`;
            const key = `${second}/${target}/${method}`;
            layers.push({ key, title, volume: map ? input : null, map, method, mask });
          }
        }
      }
      return { view: report.volume(layers, input.shape, input.spacing ?? null, input.sides, item), start };
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
      const measured = names.map((name) => [
        [name, report.explain(name)],
        ...every.map((of) => number(of.measure(name, row))),
      ]);
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
        ...zoom.keys,
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

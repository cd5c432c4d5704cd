"use strict";

// Two models on the same samples: where they disagree, and where they look elsewhere.
report.views.register({
  route: "compare",
  title: "Compare",
  navigation: report.settings.models.length > 1 ? 2.5 : undefined,
  async data(settings) {
    const other = report.samples.other(settings);
    const models = other === null ? [settings.model] : [settings.model, other];
    const [classes, ...opened] = await Promise.all([
      report.classData.open(settings),
      ...models.map((model) => report.samples.open(model, settings.target)),
    ]);
    return { models, opened, audited: classes.audited };
  },
  make(main) {
    const STEP = 30;
    const { element, count } = report;
    const kinds = [
      ["", "where they disagree"],
      ["first", "right in the first only"],
      ["second", "right in the second only"],
      ["elsewhere", "where they look elsewhere"],
    ];
    const second = report.select("Compare with", "other", [], (value) => report.state.change({ other: value }));
    const kind = report.select("Samples", "kind", kinds, (value) => report.state.change({ kind: value }));
    const controls = report.controls(
      ["target", "method", "opacity", "mask", "colours", "signed", "legend"],
      [second, kind],
    );
    const told = element("div", {});
    const said = element("p", { class: "count", role: "status" });
    const list = element("ol", { class: "pairs" });
    const more = element("button", { type: "button", hidden: true }, "Show more");
    main.replaceChildren(element("h1", { tabindex: "-1" }, "Compare"), controls.element, told, said, list, more);
    let shown = STEP;
    let last = "";

    // How far the centres of two maps lie apart, in shares of the picture.
    function distance([first, second], row) {
      const axes = Object.keys(first.measures).filter((name) => name.startsWith("centroid_"));
      const gaps = axes.map((name) => {
        const [a, b] = [first.measures[name]?.[row], second.measures[name]?.[row]];
        return a === null || b === null || b === undefined ? NaN : a - b;
      });
      return axes.length ? Math.hypot(...gaps) : NaN;
    }

    function choose(opened, audited, wanted) {
      const [first, second] = opened;
      const rows = [...audited].filter((row) => first.predicted[row] !== null && second.predicted[row] !== null);
      if (wanted === "elsewhere") {
        const far = new Map(rows.map((row) => [row, distance(opened, row)]));
        return rows.filter((row) => far.get(row) > 0).sort((a, b) => far.get(b) - far.get(a) || a - b);
      }
      const tests = {
        first: (row) => first.correct[row] === 1 && second.correct[row] === 0,
        second: (row) => first.correct[row] === 0 && second.correct[row] === 1,
      };
      const differ = (row) => String(first.predicted[row]) !== String(second.predicted[row]);
      // Those of which both are surest come first.
      const sure = (row) => Math.min(first.probability[row] ?? 0, second.probability[row] ?? 0);
      return rows.filter(tests[wanted] ?? differ).sort((a, b) => sure(b) - sure(a) || a - b);
    }

    function update({ settings, data: { models, opened, audited } }) {
      controls.update(settings);
      const others = report.settings.models.filter((model) => model !== settings.model);
      if (models.length < 2) {
        list.replaceChildren();
        told.replaceChildren(element("p", { class: "empty" }, "This run has one model: there is nothing to compare."));
        return;
      }
      second.fill(
        others.map((model) => [model, model]),
        models[1],
      );
      kind.control.value = settings.kind ?? "";
      const key = JSON.stringify([settings.model, settings.other, settings.kind, settings.target]);
      if (key !== last) shown = STEP;
      last = key;
      const found = report.settings.comparisons.find(({ models: of }) => of.every((model) => models.includes(model)));
      told.replaceChildren(...(found?.sentences ?? []).map((text) => element("p", {}, text)));
      const rows = choose(opened, audited, settings.kind);
      const far = settings.kind === "elsewhere" ? ", the farthest first" : ", the surest first";
      said.textContent = `${count(rows.length, "sample")}${far}`;
      list.replaceChildren(...rows.slice(0, shown).map((row) => pair(row, settings, models, opened)));
      more.hidden = rows.length <= shown;
      more.onclick = () => {
        shown += STEP;
        update({ settings, data: { models, opened, audited } });
      };
    }

    function pair(row, settings, models, opened) {
      const [first] = opened;
      const id = first.ids[row];
      const href = report.state.link("sample", id, { ...report.state.keep(settings), other: models[1] });
      const pictures = models.map((model, at) => {
        const own = opened[at];
        const words = report.samples.words(own, row);
        const label = `${settings.method === "none" ? "Picture" : report.methods.title(settings.method)} of ${id}, ${model}, ${words}`;
        const canvas = element("canvas", { role: "img", "aria-label": label });
        report.pictures.show(canvas, row, settings.method, { ...settings, model });
        const sure = own.probability[row] === null ? "" : ` (${own.probability[row].toFixed(2)})`;
        return element(
          "span",
          { class: "side-by-side" },
          element("span", { class: "frame" }, canvas),
          element("span", { class: "note" }, element("b", {}, model), ` ${words}${sure}`),
        );
      });
      const label = first.label[row] === null ? "" : `, label ${first.className(first.label[row])}`;
      return element("li", {}, element("a", { href }, pictures, element("span", { class: "name" }, `${id}${label}`)));
    }

    return { update };
  },
});

"use strict";

// All plots of a model and target, one section each.
report.views.register({
  route: "plots",
  title: "Plots",
  navigation: 3.5,
  async data(settings) {
    const { models } = report.settings;
    const [found, ...tables] = await Promise.all([
      report.classData.open(settings),
      ...models.map((model) => report.load(`${model}/tables`)),
    ]);
    return { ...found, tables: Object.fromEntries(models.map((model, at) => [model, tables[at]])) };
  },
  make(main) {
    const { element } = report;
    const change = (name) => (value) => report.state.change({ [name]: value });
    const choice = report.select("Class", "class", [], change("class"));
    const measure = report.select("Measure", "measure", [], change("measure"));
    const by = report.select("Groups", "by", [], change("by"));
    const controls = report.controls(["target"], [choice, measure, by]);
    const body = element("div", {});
    const lead = element("p", { class: "lead" });
    main.replaceChildren(element("h1", { tabindex: "-1" }, "Plots"), lead, controls.element, body);

    function update({ settings, data: { data, classes, audited, rows, tables } }) {
      controls.update(settings);
      lead.textContent = report.classData.audience(audited, data.ids.length);
      const names = [...rows.keys()].sort((a, b) => a - b);
      choice.fill([["", "all"], ...names.map((name) => [String(name), data.className(name)])], settings.class ?? "");
      const measures = Object.keys(data.measures);
      measure.fill(
        measures.map((name) => [name, name]),
        settings.measure ?? measures[0],
      );
      const columns = Object.entries(data.columns).filter(([, { values }]) => values.length > 1 && values.length <= 20);
      by.fill([["", "class explained"], ...columns.map(([name]) => [name, name])], settings.by ?? "");
      const missing = [];
      const sections = report.plots.all().flatMap((plot) => {
        const drawn = plot.draw({ settings, tables, data, classes });
        if (!drawn.length) {
          missing.push(element("li", {}, `${plot.title}: it needs ${plot.needs}.`));
          return [];
        }
        const title = `plot-of-${plot.name}`;
        return element(
          "section",
          { class: "plots", "aria-labelledby": title, "data-plot": plot.name },
          element("h2", { id: title }, plot.title),
          element("p", { class: "note" }, plot.says),
          element("div", { class: "plot-row" }, drawn),
        );
      });
      if (missing.length) {
        sections.push(
          element("section", { class: "missing" }, element("h2", {}, "Not in this run"), element("ul", {}, missing)),
        );
      }
      body.replaceChildren(...sections);
    }

    return { update };
  },
});

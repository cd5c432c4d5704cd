"use strict";

// Which method's maps to believe: measures of all methods on the same samples, and what their tests say.
report.plots.register({
  name: "methods",
  title: "Methods compared",
  says: "Means over the same samples, with 95 % intervals. The arrow of a column says whether more or less is better.",
  order: 9,
  needs: "audit.methods",
  draw({ settings, tables }) {
    const target = settings.target ?? report.settings.targets[0];
    const found = report.plots.rows(tables[settings.model], "methods_table", target);
    if (!found.length) return [];
    const { element } = report;
    const columns = [...new Map(found.map(({ measure, title, better }) => [measure, { title, better }]))];
    const names = [...new Set(found.map(({ method }) => method))];
    const of = new Map(found.map((row) => [JSON.stringify([row.measure, row.method]), row]));
    const interval = ({ low, high }) => (low === null ? "" : ` (${report.number(low)} to ${report.number(high)})`);
    const head = ["Method", ...columns.map(([, { title, better }]) => `${title} ${better === "higher" ? "↑" : "↓"}`)];
    const rows = names.map((name) => [
      name === "random" ? "random order" : report.methods.title(name),
      ...columns.map(([measure]) => {
        const row = of.get(JSON.stringify([measure, name]));
        return row && row.mean !== null ? `${report.number(row.mean)}${interval(row)}` : "";
      }),
    ]);
    const said = report.plots.rows(tables[settings.model], "methods_best", target);
    return [
      report.table("Methods compared", head, rows),
      element(
        "ul",
        {},
        said.map(({ words }) => element("li", {}, words)),
      ),
    ];
  },
});

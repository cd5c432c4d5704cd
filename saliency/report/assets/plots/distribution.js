"use strict";

// How a measure is distributed in the groups of a column, or in the classes.
report.plots.register({
  name: "distribution",
  title: "Distribution of a measure",
  says: "The box holds the middle half of the samples, the line in it is the median, the whiskers reach from the 5th to the 95th percentile.",
  order: 4,
  needs: "a measure",
  draw({ settings, data, classes }) {
    const MOST = 20;
    const { element } = report;
    const { axes, node, figure } = report.plot;
    const measures = Object.keys(data.measures);
    const measure = data.measures[settings.measure] ? settings.measure : measures[0];
    const values = data.measures[measure];
    if (!values) return [];
    const { by } = settings;
    const name = by && data.columns[by] ? (row) => data.column(by, row) : (row) => data.explained[row];
    const audited = classes.audited ?? [...data.ids.keys()];
    const groups = new Map();
    for (const row of audited) {
      const group = name(row);
      if (values[row] === null || group === null || group === "") continue;
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(values[row]);
    }
    if (!groups.size) return [];
    const said = (group) => (by && data.columns[by] ? String(group) : data.className(group));
    const most = [...groups].sort(([, a], [, b]) => b.length - a.length).slice(0, MOST);
    const shown = most.sort(([a], [b]) => String(a).localeCompare(String(b), "en", { numeric: true }));
    const quantile = (sorted, share) => {
      const at = (sorted.length - 1) * share;
      const below = Math.floor(at);
      return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
    };
    const boxes = shown.map(([group, of]) => {
      const sorted = Float64Array.from(of).sort();
      return { group, count: of.length, at: [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => quantile(sorted, share)) };
    });
    const low = Math.min(...boxes.map(({ at }) => at[0]));
    const high = Math.max(...boxes.map(({ at }) => at[4]));
    const drawn = axes({
      title: `${measure} by ${by && data.columns[by] ? by : "class explained"}`,
      description: `Quartiles of ${measure} in ${boxes.length} groups of the audited samples.`,
      width: 640,
      height: 56 + 26 * boxes.length,
      left: 200,
      x: { label: measure, domain: [low, high > low ? high : low + 1], format: (value) => report.number(value) },
      y: { names: boxes.map(({ group }) => said(group)) },
    });
    boxes.forEach(({ group, count, at: [least, lower, middle, upper, greatest] }, row) => {
      const y = drawn.y(row);
      const says = `${said(group)}: median ${report.number(middle)} of ${report.count(count, "sample")}`;
      drawn.layer.append(
        node("line", { class: "series series-1 stroke", x1: drawn.x(least), x2: drawn.x(greatest), y1: y, y2: y }),
        node(
          "rect",
          {
            class: "box",
            x: drawn.x(lower),
            y: y - 8,
            width: Math.max(1, drawn.x(upper) - drawn.x(lower)),
            height: 16,
          },
          node("title", {}, says),
        ),
        node("line", {
          class: "series series-1 stroke",
          x1: drawn.x(middle),
          x2: drawn.x(middle),
          y1: y - 8,
          y2: y + 8,
        }),
      );
    });
    const rows = boxes.map(({ group, count, at }) => [
      said(group),
      count.toLocaleString("en"),
      ...at.map((value) => report.number(value)),
    ]);
    const table = { head: ["Group", "Samples", "5 %", "25 %", "Median", "75 %", "95 %"], rows };
    const left = groups.size - boxes.length;
    const note = left ? `${report.count(left, "smaller group")} are left out.` : "";
    return [element("div", {}, report.explain(measure), figure(drawn, { note, table }))];
  },
});

"use strict";

// Which predictions change when pictures get worse.
report.plots.register({
  name: "degradation",
  title: "Pictures that get worse",
  says: "Share of the pictures that turn into another class, by how much worse they get. Where most go to one class, the model takes that defect for a sign of it.",
  order: 6,
  needs: "audit.degradation",
  draw({ settings, tables, data }) {
    const found = report.plots.first(tables[settings.model], "degradation_table");
    const steps = new Map();
    for (const row of found) {
      const key = JSON.stringify([row.degradation, row.level]);
      if (!steps.has(key)) steps.set(key, { ...row, all: 0 });
      const step = steps.get(key);
      step.all += row.turned;
      if (row.turned > step.turned) Object.assign(step, { class: row.class, turned: row.turned });
    }
    if (!steps.size) return [];
    const { axes, mark, line, figure } = report.plot;
    const kinds = Map.groupBy ? Map.groupBy(steps.values(), (row) => row.degradation) : group([...steps.values()]);
    const share = (value) => `${Math.round(100 * value)} %`;
    return [...kinds].map(([kind, rows]) => {
      const drawn = axes({
        title: kind.replaceAll("_", " "),
        description: `Shares of ${rows[0].samples} pictures whose prediction changes, by level.`,
        width: 360,
        height: 220,
        x: { label: "level", names: rows.map(({ level }) => String(level)) },
        y: { label: "pictures that change", domain: [0, 1], format: share },
      });
      const curves = [(row) => row.all / row.samples, (row) => row.turned / row.samples];
      curves.forEach((value, series) => {
        drawn.layer.append(
          line(
            rows.map((row, at) => [drawn.x(at), drawn.y(value(row))]),
            series,
          ),
        );
        rows.forEach((row, at) =>
          drawn.layer.append(mark(drawn.x(at), drawn.y(value(row)), series, `${row.words}: ${share(value(row))}`)),
        );
      });
      const cells = rows.map((row) => [
        row.words,
        share(row.all / row.samples),
        `${share(row.turned / row.samples)}, ${data.className(row.class)}`,
      ]);
      const table = { head: ["Change", "To any class", "To the class that gains most"], rows: cells };
      return figure(drawn, { names: ["to any class", "to the class that gains most"], table });
    });

    function group(rows) {
      return rows.reduce(
        (kinds, row) => kinds.set(row.degradation, [...(kinds.get(row.degradation) ?? []), row]),
        new Map(),
      );
    }
  },
});

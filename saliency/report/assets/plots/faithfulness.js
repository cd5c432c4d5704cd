"use strict";

// How the score falls, or comes back, with pixels in the order of each map.
report.plots.register({
  name: "faithfulness",
  title: "Faithfulness",
  says: "Pixels are taken away, or brought back, in the order of each map. A map that finds what counts lies below random in deletion, and above it in insertion.",
  order: 7,
  needs: "audit.faithfulness",
  draw({ settings, tables }) {
    const found = report.plots.rows(tables[settings.model], "faithfulness_curves", settings.target);
    if (!found.length) return [];
    const { axes, line, figure } = report.plot;
    const { kinds } = report.settings;
    const title = (name) => (Object.hasOwn(kinds, name) ? kinds[name].title : name.replaceAll("_", " "));
    const rankings = [...new Set(found.map(({ ranking }) => ranking))].sort(
      (a, b) => (a === "random") - (b === "random"),
    );
    const baselines = [...new Set(found.map(({ baseline }) => baseline))];
    const share = (value) => `${Math.round(100 * value)} %`;
    return baselines.flatMap((baseline) =>
      [
        ["deletion", "taken away"],
        ["insertion", "brought back"],
      ].map(([measure, done]) => {
        const rows = found.filter((row) => row.baseline === baseline);
        const high = Math.max(...rows.map((row) => row[measure]));
        const drawn = axes({
          title: `${measure[0].toUpperCase()}${measure.slice(1)}, baseline: ${baseline}`,
          description: `Mean probability of the class, by the share of pixels ${done}.`,
          width: 440,
          height: 300,
          x: { label: `share of pixels ${done}`, domain: [0, 1], format: share },
          y: {
            label: "probability of the class",
            domain: [0, Math.max(high, 1e-6)],
            format: (value) => report.number(value),
          },
        });
        const fractions = [...new Set(rows.map(({ fraction }) => fraction))].sort((a, b) => a - b);
        rankings.forEach((ranking, series) => {
          const own = rows.filter((row) => row.ranking === ranking);
          drawn.layer.append(
            line(
              own.map((row) => [drawn.x(row.fraction), drawn.y(row[measure])]),
              series,
              ranking === "random",
            ),
            ...own.map((row) => report.plot.mark(drawn.x(row.fraction), drawn.y(row[measure]), series)),
          );
        });
        const cell = (fraction, ranking) =>
          rows.find((row) => row.fraction === fraction && row.ranking === ranking)?.[measure] ?? null;
        const cells = fractions.map((fraction) => [
          share(fraction),
          ...rankings.map((ranking) => report.number(cell(fraction, ranking))),
        ]);
        return figure(drawn, {
          names: rankings.map(title),
          table: { head: ["Pixels", ...rankings.map(title)], rows: cells },
        });
      }),
    );
  },
});

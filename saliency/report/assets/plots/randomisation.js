"use strict";

// How alike maps stay when the network forgets what it has learned.
report.plots.register({
  name: "randomisation",
  title: "Randomisation",
  says: "Maps of the network whose layers are randomised one after the other, compared with those of the intact one. A method that stays near 1 does not show what the network has learned.",
  order: 8,
  needs: "audit.randomisation",
  draw({ settings, tables }) {
    const found = report.plots.first(tables[settings.model], "randomisation_table");
    if (!found.length) return [];
    const { axes, mark, line, band, figure } = report.plot;
    const names = [...new Set(found.map(({ method }) => method))];
    const layers = new Map(found.map(({ depth, layer }) => [depth, depth === 0 ? "none" : layer]));
    const depths = [...layers.keys()].sort((a, b) => a - b);
    const values = found.map((row) => row.spearman_absolute).filter((value) => value !== null);
    const least = Math.min(0, ...values);
    const drawn = axes({
      title: "Randomisation",
      description:
        "Mean rank correlation of absolute maps with those of the intact network, by how many layers are randomised.",
      width: 560,
      height: 320,
      x: { label: "layers randomised, from the output on", domain: [0, Math.max(1, depths.at(-1))] },
      y: { label: "rank correlation", domain: [least, 1], format: (value) => report.number(value) },
    });
    const mean = (of) => (of.length ? of.reduce((sum, value) => sum + value, 0) / of.length : null);
    const table = {
      head: ["Randomised down to", ...names.map(report.methods.title)],
      rows: depths.map((depth) => [layers.get(depth)]),
    };
    names.forEach((name, series) => {
      const points = depths.map((depth, at) => {
        const of = found.filter((row) => row.method === name && row.depth === depth && row.spearman_absolute !== null);
        const own = of.map((row) => row.spearman_absolute);
        const middle = mean(own);
        table.rows[at].push(report.number(middle));
        return middle === null ? null : [depth, middle, Math.min(...own), Math.max(...own)];
      });
      const known = points.filter(Boolean);
      drawn.layer.append(
        band(
          known.map(([depth, , low, high]) => [drawn.x(depth), drawn.y(low), drawn.y(high)]),
          series,
        ),
        line(
          known.map(([depth, middle]) => [drawn.x(depth), drawn.y(middle)]),
          series,
        ),
        ...known.map(([depth, middle]) => mark(drawn.x(depth), drawn.y(middle), series)),
      );
    });
    return [
      figure(drawn, {
        names: names.map(report.methods.title),
        note: "The area reaches from the least to the greatest sample.",
        table,
        heading: null,
      }),
    ];
  },
});

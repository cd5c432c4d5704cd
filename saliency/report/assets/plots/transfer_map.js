"use strict";

// Which windows of a class's pictures turn others into it, over the mean of these pictures.
report.plots.register({
  name: "transfer_map",
  title: "Transfer map",
  says: "How many other pictures turn into the class when a window of its pictures is pasted in place. Each square stands at the centre of its window, which is larger and overlaps the next ones. Below it is the mean of the class's first pictures.",
  order: 5.5,
  needs: "audit.transfer, and photographs",
  draw({ settings, tables, data, classes }) {
    const MOST = 6; // classes that are drawn, unless one is chosen
    const AVERAGED = 24; // pictures of the mean
    const { node, axes, figure } = report.plot;
    const found = report.plots.first(tables[settings.model], "transfer_windows");
    if (!found.length || report.settings.ndim !== 2) return [];
    const of = new Map();
    for (const row of found) of.set(row.class, [...(of.get(row.class) ?? []), row]);
    const largest = (rows) => Math.max(...rows.map(({ turned, targets }) => turned / targets));
    const chosen = [...of]
      .filter(([name]) => !settings.class || String(name) === settings.class)
      .sort(([a, ofA], [b, ofB]) => largest(ofB) - largest(ofA) || a - b)
      .slice(0, MOST);
    const audited = classes.audited ?? [...data.ids.keys()];

    // How far the windows of one axis lie apart.
    function step(begins) {
      const sorted = [...new Set(begins)].sort((a, b) => a - b);
      return Math.min(0.5, ...sorted.slice(1).map((begin, at) => begin - sorted[at]));
    }

    // The mean of some pictures, for an image of a plot; null without any.
    async function mean(rows) {
      const tiles = await Promise.all(rows.map((row) => report.pictures.tile(settings.model, "inputs", row)));
      const images = tiles.filter(Boolean).map(({ image }) => image);
      if (!images.length) return null;
      const [{ width, height }] = images;
      const image = new ImageData(width, height);
      for (let at = 0; at < image.data.length; at += 1) {
        image.data[at] = images.reduce((sum, { data: values }) => sum + values[at], 0) / images.length;
      }
      const canvas = report.element("canvas", {});
      report.pictures.put(canvas, image);
      return canvas.toDataURL();
    }

    const percent = (share) => `${Math.round(100 * share)}`;
    return chosen.map(([name, rows]) => {
      const [high, across] = report.settings.sizes[settings.model];
      const [width, height] = [320, Math.round((320 * high) / across)];
      const drawn = axes({
        title: data.className(name),
        description: `Windows of ${data.className(name)} pictures, and how many of ${rows[0].targets} others turn with each.`,
        width: width + 80,
        height: height + 56,
        x: { label: "% of the width", domain: [0, 1], format: percent },
        y: { label: "% of the height", domain: [1, 0], format: percent, ticks: report.plot.ticks(0, 1) },
      });
      const [left, top] = [drawn.x(0), drawn.y(0)];
      const picture = node("image", {
        x: left,
        y: top,
        width: drawn.x(1) - left,
        height: drawn.y(1) - top,
        preserveAspectRatio: "none",
      });
      drawn.layer.append(picture);
      const wide = step(rows.map((row) => row.begin_1)) * (drawn.x(1) - left) - 4;
      const tall = step(rows.map((row) => row.begin_0)) * (drawn.y(1) - top) - 4;
      for (const row of rows) {
        const [x, y] = [drawn.x((row.begin_1 + row.end_1) / 2), drawn.y((row.begin_0 + row.end_0) / 2)];
        const says = `From ${percent(row.begin_0)} to ${percent(row.end_0)} % of the height and from ${percent(row.begin_1)} to ${percent(row.end_1)} % of the width: ${row.turned} of ${row.targets} turn`;
        const share = row.turned / row.targets;
        drawn.layer.append(
          node(
            "g",
            {},
            node("title", {}, says),
            node("rect", {
              class: "transfer-cell",
              x: x - wide / 2,
              y: y - tall / 2,
              width: wide,
              height: tall,
              "fill-opacity": (0.75 * share).toFixed(3),
            }),
            node("text", { class: "transfer-count", x, y: y + 4, "text-anchor": "middle" }, String(row.turned)),
          ),
        );
      }
      const members = audited.filter((row) => data.label[row] === name).slice(0, AVERAGED);
      const shown = members.length ? members : audited.filter((row) => data.explained[row] === name).slice(0, AVERAGED);
      report.track(mean(shown).then((href) => href && picture.setAttribute("href", href))).catch(report.fail);
      const cells = rows.map((row) => [
        `${percent(row.begin_0)} to ${percent(row.end_0)} %`,
        `${percent(row.begin_1)} to ${percent(row.end_1)} %`,
        `${row.turned} of ${row.targets}`,
      ]);
      const note = `Numbers are of ${rows[0].targets} other pictures.`;
      return figure(drawn, { note, table: { head: ["Height", "Width", "Turned"], rows: cells } });
    });
  },
});

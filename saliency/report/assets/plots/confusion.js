"use strict";

// Label against predicted class; a cell leads to its samples.
report.plots.register({
  name: "confusion",
  title: "Confusion matrix",
  says: "Each row is a label, each column what the model says. A click on a cell shows its samples.",
  order: 1,
  needs: "labels in the manifest",
  draw({ settings, tables, data }) {
    const MOST = 25;
    const { node, axes, figure } = report.plot;
    const cells = report.plots.first(tables[settings.model], "confusion");
    if (!cells.length) return [];
    const mistakes = new Map();
    for (const { label, predicted_class: said, count } of cells) {
      for (const index of [label, said]) mistakes.set(index, (mistakes.get(index) ?? 0) + (label === said ? 0 : count));
    }
    // Of many classes those that are mistaken most often.
    const worst = [...mistakes].sort(([a, of], [b, ofOther]) => ofOther - of || a - b).slice(0, MOST);
    const shown = worst.map(([index]) => index).sort((a, b) => a - b);
    const place = new Map(shown.map((index, at) => [index, at]));
    const names = shown.map((index) => data.className(index));
    const inside = cells.filter((cell) => place.has(cell.label) && place.has(cell.predicted_class));
    const totals = new Map();
    for (const { label, count } of cells) totals.set(label, (totals.get(label) ?? 0) + count);
    const size = Math.max(18, Math.min(44, 560 / shown.length));
    const drawn = axes({
      title: "Confusion matrix",
      description: `Labels of the audited samples against the classes that ${settings.model} predicts.`,
      width: 170 + size * shown.length,
      height: 70 + size * shown.length,
      left: 150,
      x: { label: "predicted", names: shown.map(String) },
      y: { names },
    });
    const link = ({ label, predicted_class: said }) =>
      report.state.link("gallery", null, {
        ...report.state.keep(settings),
        ...report.classData.where(),
        label: String(label),
        predicted: String(said),
      });
    for (const cell of inside) {
      const share = cell.count / totals.get(cell.label);
      const [x, y] = [drawn.x(place.get(cell.predicted_class)), drawn.y(place.get(cell.label))];
      const says = `${report.count(cell.count, "sample")} of ${data.className(cell.label)} predicted as ${data.className(cell.predicted_class)}`;
      const kind = cell.label === cell.predicted_class ? "cell-right" : "cell-wrong";
      drawn.layer.append(
        node(
          "a",
          { href: link(cell), "aria-label": says },
          node("title", {}, says),
          node("rect", { class: "cell-ground", x: x - size / 2, y: y - size / 2, width: size - 1, height: size - 1 }),
          node("rect", {
            class: kind,
            x: x - size / 2,
            y: y - size / 2,
            width: size - 1,
            height: size - 1,
            "fill-opacity": (0.12 + 0.5 * share).toFixed(3),
          }),
          node("text", { class: "cell-text", x, y: y + 4, "text-anchor": "middle" }, String(cell.count)),
        ),
      );
    }
    const left = mistakes.size - shown.length;
    const rows = inside.map((cell) => [
      data.className(cell.label),
      data.className(cell.predicted_class),
      report.element("a", { href: link(cell) }, cell.count.toLocaleString("en")),
    ]);
    const note = left ? `${report.count(left, "class", "classes")} with fewer mistakes are left out.` : "";
    return [figure(drawn, { note, table: { head: ["Label", "Predicted", "Samples"], rows }, heading: null })];
  },
});

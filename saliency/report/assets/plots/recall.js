"use strict";

// Accuracy in each group of the manifest, or the recall of one class.
report.plots.register({
  name: "recall",
  title: "Accuracy by column",
  says: "How often the model is right in each group of the manifest, with 95 % intervals. Choose a class to see its recall. A name leads to the samples.",
  order: 3,
  needs: "labels and a column of groups in the manifest",
  draw({ settings, tables, data }) {
    const { models } = report.settings;
    const label = settings.class ?? "";
    const found = new Map();
    models.forEach((model, series) => {
      for (const row of report.plots.first(tables[model], "performance")) {
        const wanted =
          label === "" ? row.measure === "accuracy" : row.measure === "recall" && String(row.class) === label;
        if (!wanted || !row.count) continue;
        const key = JSON.stringify([row.column, row.group]);
        if (!found.has(key)) found.set(key, { column: row.column, group: row.group, values: models.map(() => null) });
        found.get(key).values[series] = row;
      }
    });
    const whole = label === "" ? "all" : data.className(Number(label));
    const rows = [...found.values()].map(({ column, group, values }) => ({
      name: column ? `${column} = ${group}` : whole,
      link: report.state.link("gallery", null, {
        ...report.state.keep(settings),
        ...report.classData.where(),
        ...(column ? { [`col.${column}`]: [group] } : {}),
        ...(label === "" ? {} : { label }),
        correct: "labelled",
      }),
      values,
    }));
    if (rows.length < 2) return [];
    const title = label === "" ? "Accuracy by column" : `Recall of ${whole} by column`;
    const description = `Shares of right predictions among the audited samples, in ${rows.length} groups.`;
    return [
      report.plot.shares({
        title,
        description,
        label: label === "" ? "accuracy" : "recall",
        rows,
        series: models,
        heading: label === "" ? null : "h3",
      }),
    ];
  },
});

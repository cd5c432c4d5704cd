"use strict";

// The samples of a model and target: what is known of each, and which of them the settings choose.
report.samples = (() => {
  const FEW = 200; // values of a column that a list can hold
  const opened = new Map();

  async function open(model, target) {
    const key = `${model}/${target}`;
    if (!opened.has(key)) {
      opened.set(
        key,
        Promise.all([report.load("samples"), report.load(`${model}/predictions`), report.load(`${key}/measures`)]).then(
          ([samples, predictions, measured]) => describe(model, samples, predictions, measured),
        ),
      );
    }
    return opened.get(key);
  }

  function describe(model, samples, predictions, measured) {
    // Columns may have any name, also that of something that every object has.
    const columns = Object.create(null);
    const measures = Object.assign(Object.create(null), { probability: predictions.probability }, measured.measures);
    for (const { name, values, codes } of samples.columns) {
      columns[name] = { values, codes };
      const filled = values.filter((value) => value !== "");
      const texts = filled.length === 0 || filled.some((value) => value.trim() === "" || !Number.isFinite(Number(value)));
      if (!texts && filled.length > 10 && !(name in measures)) {
        const decoded = values.map((value) => (value === "" ? null : Number(value)));
        measures[name] = codes.map((code) => decoded[code]);
      }
    }
    const names = report.settings.class_names[model];
    const className = (index) => {
      if (index === null || index === undefined) return "–";
      const name = names[index];
      return name === undefined || name === "" || name === String(index) ? `class ${index}` : `${name} (${index})`;
    };
    return {
      ids: samples.ids,
      row: new Map(samples.ids.map((id, row) => [id, row])),
      columns,
      problems: new Map(Object.entries(samples.problems[model] ?? {})),
      label: predictions.label,
      predicted: predictions.predicted,
      probability: predictions.probability,
      correct: predictions.correct,
      status: { value: (row) => predictions.status.values[predictions.status.codes[row]], values: predictions.status.values },
      explained: measured.class,
      cluster: measured.cluster,
      measures,
      className,
      column: (name, row) => columns[name].values[columns[name].codes[row]],
    };
  }

  // Rows that the settings choose, in their order.
  function choose(data, settings) {
    const tests = [];
    const equal = (values, wanted) => tests.push((row) => values[row] !== null && String(values[row]) === wanted);
    if (settings.class) equal(data.explained, settings.class);
    if (settings.cluster) equal(data.cluster, settings.cluster);
    if (settings.correct) {
      const wanted = { right: 1, wrong: 0, unlabelled: null }[settings.correct];
      tests.push((row) => data.correct[row] === wanted);
    }
    if (settings.status) {
      tests.push((row) => {
        const status = data.status.value(row);
        return settings.status === "failed" ? status !== "ok" : status === settings.status;
      });
    }
    if (settings.find) {
      const wanted = settings.find.toLowerCase();
      tests.push((row) => data.ids[row].toLowerCase().includes(wanted));
    }
    for (const [name, value] of Object.entries(settings)) {
      if (!name.startsWith("col.")) continue;
      const column = data.columns[name.slice(4)];
      if (!column) continue;
      const code = column.values.indexOf(value);
      tests.push((row) => column.codes[row] === code);
    }
    const values = data.measures[settings.measure];
    if (values && settings.min) tests.push((row) => values[row] !== null && values[row] >= Number(settings.min));
    if (values && settings.max) tests.push((row) => values[row] !== null && values[row] <= Number(settings.max));
    const rows = [];
    for (let row = 0; row < data.ids.length; row += 1) if (tests.every((test) => test(row))) rows.push(row);
    const by = settings.sort === "id" ? data.ids : data.measures[settings.sort];
    if (by) {
      const sign = settings.order === "down" ? -1 : 1;
      const compare = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -sign : sign);
      rows.sort((a, b) => compare(by[a], by[b]) || a - b);
    }
    return rows;
  }

  function words(data, row) {
    const status = data.status.value(row);
    if (status !== "ok") return status;
    const mark = { 1: "correct", 0: "wrong" }[data.correct[row]];
    return `predicted ${data.className(data.predicted[row])}${mark ? `, ${mark}` : ""}`;
  }

  const finding = (settings) =>
    settings.finding === undefined ? undefined : report.settings.findings[settings.model]?.[settings.target]?.[Number(settings.finding)];

  return { open, choose, words, finding, FEW };
})();

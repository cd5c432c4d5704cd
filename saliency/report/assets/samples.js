"use strict";

// The samples of a model and target: what is known of each, and which of them the settings choose.
report.samples = (() => {
  const FEW = 200; // values of a column that a list can hold
  const opened = new Map();

  function open(model, target) {
    const key = `${model}/${target}`;
    return report.remember(opened, key, async () => {
      const names = ["samples", `${model}/predictions`, `${key}/measures`];
      const [samples, predictions, measured] = await Promise.all(names.map(report.load));
      return describe(model, samples, predictions, measured);
    });
  }

  function describe(model, samples, predictions, measured) {
    // Columns may have any name, also that of something that every object has.
    const columns = Object.create(null);
    const measures = Object.assign(Object.create(null), { probability: predictions.probability });
    for (const [name, text] of Object.entries(measured.measures)) {
      let values = null;
      const get = () => (values ??= report.packed.floats(text, samples.ids.length));
      Object.defineProperty(measures, name, { enumerable: true, get });
    }
    // Of one sample, without reading the whole column.
    const packed = new Map(Object.entries(measured.measures));
    const measure = (name, row) =>
      packed.has(name) ? report.packed.float(packed.get(name), row) : (measures[name]?.[row] ?? null);
    for (const { name, values, codes } of samples.columns) {
      columns[name] = { values, codes };
      const filled = values.filter((value) => value !== "");
      const texts =
        filled.length === 0 || filled.some((value) => value.trim() === "" || !Number.isFinite(Number(value)));
      if (!texts && filled.length > 10 && !(name in measures)) {
        const decoded = values.map((value) => (value === "" ? null : Number(value)));
        measures[name] = codes.map((code) => decoded[code]);
      }
    }
    const names = report.settings.class_names[model];
    // Of an index, or of several where a sample can be of several classes.
    const className = (index) => {
      if (Array.isArray(index)) return index.length ? index.map(className).join(", ") : "no class";
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
      status: {
        value: (row) => predictions.status.values[predictions.status.codes[row]],
        values: predictions.status.values,
      },
      explained: measured.class,
      cluster: measured.cluster,
      measures,
      measure,
      className,
      column: (name, row) => columns[name].values[columns[name].codes[row]],
    };
  }

  // Whether a cell lies in an interval such as "(1.5, 3.0]": the audit groups columns of numbers at their quartiles.
  function inside(interval, value) {
    const [, low, high] = /^\(([^,]+), ([^,]+)\]$/.exec(interval) ?? [];
    return low !== undefined && value !== "" && Number(low) < Number(value) && Number(value) <= Number(high);
  }

  // Rows that the settings choose, in their order.
  function choose(data, settings) {
    const tests = [];
    const equal = (values, wanted) =>
      tests.push((row) => values[row] !== null && [values[row]].flat().some((one) => String(one) === wanted));
    if (settings.class) equal(data.explained, settings.class);
    if (settings.label) equal(data.label, settings.label);
    if (settings.predicted) equal(data.predicted, settings.predicted);
    if (settings.cluster) equal(data.cluster, settings.cluster);
    if (settings.correct) {
      const wanted = { right: [1], wrong: [0], labelled: [0, 1], unlabelled: [null] }[settings.correct] ?? [];
      tests.push((row) => wanted.includes(data.correct[row]));
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
    for (const [name, wanted] of Object.entries(settings).filter(([key]) => report.state.isColumn(key))) {
      const column = name.slice(4);
      const fits = (value) => wanted.some((one) => one === value || inside(one, value));
      // A filter of a column that the manifest does not have chooses nothing, rather than everything.
      if (column === "id") tests.push((row) => fits(data.ids[row]));
      else if (column === "label") {
        const labels = wanted.map((one) => (one === "" ? null : Number(one)));
        tests.push((row) => [data.label[row]].flat().some((one) => labels.includes(one)));
      } else if (!data.columns[column]) tests.push(() => false);
      else {
        const { values, codes } = data.columns[column];
        const chosen = values.map(fits);
        tests.push((row) => chosen[codes[row]]);
      }
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

  // The model with which the shown one is compared: the one that the address names, or the next; null of one model.
  function other({ model, other: wanted }) {
    const others = report.settings.models.filter((name) => name !== model);
    return others.includes(wanted) ? wanted : (others[0] ?? null);
  }

  const finding = (settings) =>
    settings.finding === undefined
      ? undefined
      : report.settings.findings[settings.model]?.[settings.target]?.[Number(settings.finding)];

  // The finding that led here, as elements: none without one.
  function banner(found) {
    if (!found) return [];
    const hint = found.begin ? "The frame marks the place. " : "";
    return [
      report.element(
        "div",
        { class: "banner" },
        report.element("p", {}, found.sentence),
        report.element("p", { class: "hint" }, hint, report.element("a", { href: "#/" }, "All findings")),
      ),
    ];
  }

  return { open, choose, words, other, finding, banner, FEW };
})();

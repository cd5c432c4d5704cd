"use strict";

// The classes of a model and target: the samples explained for each, and what the audit found.
report.classData = (() => {
  async function open({ model, target }) {
    const [data, classes] = await Promise.all([
      report.samples.open(model, target),
      report.load(`${model}/${target}/classes`),
    ]);
    const audited = new Set(classes.audited ?? data.ids.keys());
    const rows = new Map();
    for (const row of audited) {
      const name = data.explained[row];
      if (name === null) continue;
      if (!rows.has(name)) rows.set(name, []);
      rows.get(name).push(row);
    }
    return { data, classes, audited, rows };
  }

  function accuracy(data, rows) {
    const known = rows.filter((row) => data.correct[row] !== null);
    return { known: known.length, right: known.filter((row) => data.correct[row] === 1).length };
  }

  const chosen = Object.entries(report.settings.where);

  // Settings of the gallery that show the samples of the audit only.
  const where = () => Object.fromEntries(chosen.map(([name, value]) => [`col.${name}`, [value].flat()]));

  // Sentence on which samples the numbers are of; "" where they are of all.
  function audience(audited, total) {
    if (!chosen.length) return "";
    const words = chosen.map(([name, value]) => `${name} = ${[value].flat().join(" or ")}`);
    return `The numbers are those of ${audited.size.toLocaleString("en")} out of ${report.count(total, "sample")}: those with ${words.join(", ")}.`;
  }

  return { open, accuracy, where, audience };
})();

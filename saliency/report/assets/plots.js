"use strict";

// The plots of the report. Each is one file in plots/, which registers one object with
//   name     in addresses and tests
//   title    its heading
//   says     one sentence on how it is read
//   order    its place, smallest first
//   needs    what the config has to ask for where there is no plot
//   draw     ({ settings, tables, data, classes }) => elements, none where the run has not what it shows; `tables` are those
//            of each model (data/MODEL/tables.js), `data` and `classes` what report.classData knows of the shown one
report.plots = (() => {
  const registered = [];

  function register(plot) {
    if (registered.some(({ name }) => name === plot.name)) {
      throw new Error(`The plot “${plot.name}” is there already: choose another name.`);
    }
    registered.push(plot);
  }

  const all = () => [...registered].sort((a, b) => a.order - b.order);

  // Rows of a table that is kept by columns; none where the run does not have it.
  function rows(tables, name, target) {
    const table = tables?.[name]?.[target];
    if (!table) return [];
    const columns = Object.keys(table);
    return (table[columns[0]] ?? []).map((_, at) =>
      Object.fromEntries(columns.map((column) => [column, table[column][at]])),
    );
  }

  // Tables of a model; predictions do not depend on the target, and stand with the first.
  const first = (tables, name) => rows(tables, name, report.settings.targets[0]);

  return { register, all, rows, first };
})();

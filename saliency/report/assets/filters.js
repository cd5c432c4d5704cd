"use strict";

// Which samples are shown, and in which order.
report.filters = (data, update) => {
  // Keys of options that no cell of a manifest is equal to.
  const [EMPTY, SEVERAL] = ["\0", "\0\0"];
  const change =
    (name, more = {}) =>
    (value) =>
      report.state.change({ [name]: value, ...more });
  const count = (values) =>
    values.reduce((counts, value) => counts.set(value, (counts.get(value) ?? 0) + 1), new Map());

  const find = report.element("input", {
    type: "search",
    name: "find",
    id: "find",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => report.state.change({ find: find.value }, true),
  });
  const classes = report.select("Class explained", "class", [], change("class", { cluster: null }));
  const correct = report.select(
    "Prediction",
    "correct",
    [
      ["", "all"],
      ["right", "correct"],
      ["wrong", "wrong"],
      ["labelled", "with a label"],
      ["unlabelled", "without a label"],
    ],
    change("correct"),
  );
  const labels = report.select("Label", "label", [], change("label"));
  const predicted = report.select("Predicted class", "predicted", [], change("predicted"));
  const status = report.select("Status", "status", [], change("status"));
  const cluster = report.select("Cluster", "cluster", [], change("cluster"));
  const column = report.select("Column", "column", [], () => fillValues());
  const value = report.select("Value", "value", [], (key) => {
    if (key !== SEVERAL) filterColumn(key && [key === EMPTY ? "" : key]);
  });
  const typed = report.element("input", {
    type: "text",
    name: "typed",
    onchange: () => filterColumn(typed.value && [typed.value]),
  });
  const typedField = report.element(
    "label",
    { class: "field" },
    report.element("span", {}, "Value, then Enter"),
    typed,
  );
  const measure = report.select("Measure", "measure", [], change("measure", { min: null, max: null }));
  const limit = (name, text) => {
    const input = report.element("input", {
      type: "number",
      name,
      step: "any",
      onchange: () => report.state.change({ [name]: input.value }),
    });
    return [input, report.element("label", { class: "field" }, report.element("span", {}, text), input)];
  };
  const [minimum, minimumField] = limit("min", "From");
  const [maximum, maximumField] = limit("max", "To");
  const range = report.element("p", { class: "hint" });
  const sort = report.select("Sort by", "sort", [], change("sort"));
  const order = report.select(
    "Order",
    "order",
    [
      ["up", "smallest first"],
      ["down", "largest first"],
    ],
    change("order"),
  );
  const reset = report.element("button", { type: "button", onclick: () => report.state.change(cleared()) }, "Show all");

  function cleared() {
    const { settings } = report.state.read();
    const names = [
      "class",
      "label",
      "predicted",
      "correct",
      "status",
      "cluster",
      "measure",
      "min",
      "max",
      "find",
      "finding",
      ...Object.keys(settings).filter(report.state.isColumn),
    ];
    return Object.fromEntries(names.map((name) => [name, null]));
  }

  function filterColumn(wanted) {
    if (column.control.value) report.state.change({ [`col.${column.control.value}`]: wanted });
  }

  const named = (text) => (text === "" ? "(empty)" : text);
  const either = (wanted) => wanted.map(named).join(" or ");

  function fillValues(wanted = []) {
    const name = column.control.value;
    const { values, codes } = data.columns[name] ?? { values: [], codes: [] };
    const few = values.length <= report.samples.FEW;
    value.hidden = !name || !few;
    typedField.hidden = !name || few;
    if (!few) return;
    const counts = count(codes);
    const entries = values.map((text, code) => [text || EMPTY, `${named(text)} · ${counts.get(code)}`]);
    entries.sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true }));
    if (wanted.length > 1) entries.push([SEVERAL, either(wanted)]);
    const [one] = wanted.map((text) => text || EMPTY);
    value.fill([["", "all"], ...entries], wanted.length > 1 ? SEVERAL : (one ?? ""));
  }

  // Choices for classes that samples have, each with their number.
  const choices = (of) => [
    ["", "all"],
    ...[...count(of.flat().filter((index) => index !== null))]
      .sort(([a], [b]) => a - b)
      .map(([index, number]) => [String(index), `${data.className(index)} · ${number}`]),
  ];
  const measures = Object.keys(data.measures);

  function fill(settings) {
    classes.fill(choices(data.explained), settings.class ?? "");
    labels.fill(choices(data.label), settings.label ?? "");
    labels.hidden = data.label.every((index) => index === null) && !settings.label;
    predicted.fill(choices(data.predicted), settings.predicted ?? "");
    const broken = data.status.values.filter((text) => text !== "ok");
    status.fill(
      [["", "all"], ["ok", "with a result"], ["failed", "without a result"], ...broken.map((text) => [text, text])],
      settings.status ?? "",
    );
    status.hidden = broken.length === 0 && !settings.status;
    correct.control.value = settings.correct ?? "";
    const clusters = [
      ...new Set(
        data.explained.flatMap((index, row) =>
          String(index) === settings.class && data.cluster[row] !== null ? [data.cluster[row]] : [],
        ),
      ),
    ].sort((a, b) => a - b);
    cluster.fill(
      [["", "all"], ...clusters.map((number) => [String(number), `cluster ${number + 1}`])],
      settings.cluster ?? "",
    );
    cluster.hidden = clusters.length < 2 && !settings.cluster;
    const groups = Object.keys(settings).filter((name) => report.state.isColumn(name) && data.columns[name.slice(4)]);
    const current = column.control.value;
    column.fill(
      [["", "none"], ...Object.keys(data.columns).map((name) => [name, name])],
      current || (groups[0] ?? "").slice(4),
    );
    const wanted = settings[`col.${column.control.value}`] ?? [];
    fillValues(wanted);
    if (document.activeElement !== typed) typed.value = either(wanted);
    measure.fill([["", "none"], ...measures.map((name) => [name, name])], settings.measure ?? "");
    minimumField.hidden = maximumField.hidden = range.hidden = !data.measures[settings.measure];
    if (document.activeElement !== minimum) minimum.value = settings.min ?? "";
    if (document.activeElement !== maximum) maximum.value = settings.max ?? "";
    const values = (data.measures[settings.measure] ?? []).filter((number) => number !== null);
    const least = values.reduce((a, b) => Math.min(a, b), Infinity);
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    range.textContent = values.length
      ? `${settings.measure} lies between ${report.number(least)} and ${report.number(most)}.`
      : "";
    sort.fill([["", "manifest"], ["id", "id"], ...measures.map((name) => [name, name])], settings.sort ?? "");
    order.control.value = settings.order;
    order.hidden = !settings.sort;
    if (document.activeElement !== find) find.value = settings.find ?? "";
    chips.replaceChildren(...active(settings).map(([text, names]) => chip(text, names)));
    chips.hidden = !chips.firstChild;
  }

  const judged = { right: "correct", wrong: "wrong", labelled: "with a label", unlabelled: "without a label" };

  // What is chosen, in words, each with the settings that say so.
  function active(settings) {
    const found = [];
    if (settings.class) found.push([data.className(Number(settings.class)), ["class", "cluster"]]);
    if (settings.cluster) found.push([`cluster ${Number(settings.cluster) + 1}`, ["cluster"]]);
    if (settings.label) found.push([`label ${data.className(Number(settings.label))}`, ["label"]]);
    if (settings.predicted) found.push([`predicted ${data.className(Number(settings.predicted))}`, ["predicted"]]);
    if (settings.correct) found.push([judged[settings.correct] ?? settings.correct, ["correct"]]);
    if (settings.status)
      found.push([{ ok: "with a result", failed: "without a result" }[settings.status] ?? settings.status, ["status"]]);
    for (const name of Object.keys(settings).filter(report.state.isColumn)) {
      found.push([`${name.slice(4)} = ${either(settings[name])}`, [name]]);
    }
    if (settings.measure && (settings.min || settings.max))
      found.push([`${settings.measure} ${settings.min || "…"} to ${settings.max || "…"}`, ["min", "max"]]);
    if (settings.find) found.push([`id has “${settings.find}”`, ["find"]]);
    return found;
  }

  function chip(text, names) {
    const remove = () => report.state.change(Object.fromEntries(names.map((name) => [name, null])));
    return report.element(
      "li",
      {},
      report.element(
        "button",
        { type: "button", class: "chip", "aria-label": `Remove the filter ${text}`, onclick: remove },
        text,
        report.element("span", { "aria-hidden": "true" }, "×"),
      ),
    );
  }

  const chips = report.element("ul", { class: "chips", "aria-label": "Filters" });
  const row = (...fields) => report.element("div", { class: "pair" }, ...fields);
  const form = report.element(
    "form",
    { class: "filters", onsubmit: (event) => event.preventDefault() },
    report.element("label", { class: "field" }, report.element("span", {}, "Search for an id"), find),
    classes,
    cluster,
    labels,
    predicted,
    correct,
    status,
    column,
    value,
    typedField,
    measure,
    row(minimumField, maximumField),
    range,
    sort,
    order,
    reset,
  );
  fill(update);
  return { form, chips, fill };
};

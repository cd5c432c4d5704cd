"use strict";

// Elements whose texts are texts: nothing that came from a file is ever read as HTML.
report.element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && typeof value === "boolean") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
};

report.select = (label, name, options, onchange) => {
  const select = report.element("select", { name, onchange: () => onchange(select.value) });
  const field = report.element("label", { class: "field" }, report.element("span", {}, label), select);
  field.fill = (entries, value) => {
    const known = entries.some(([key]) => key === value);
    const every = known || value === undefined ? entries : [...entries, [value, value]];
    select.replaceChildren(...every.map(([key, text]) => report.element("option", { value: key }, text)));
    if (value !== undefined) select.value = value;
  };
  field.fill(options);
  return field;
};

report.table = (caption, head, rows) =>
  report.element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    report.element(
      "table",
      { class: "plain" },
      report.element("caption", { class: "hidden" }, caption),
      report.element(
        "thead",
        {},
        report.element(
          "tr",
          {},
          head.map((text) => report.element("th", { scope: "col" }, text)),
        ),
      ),
      report.element(
        "tbody",
        {},
        rows.map((cells) =>
          report.element(
            "tr",
            {},
            cells.map((cell, at) => report.element(at ? "td" : "th", at ? {} : { scope: "row" }, cell)),
          ),
        ),
      ),
    ),
  );

// A "?" that opens what a method or a measure is, in a sentence; null where nothing is known of it.
report.explain = (name, title = name) => {
  const { meanings } = report.settings;
  if (!Object.hasOwn(meanings, name)) return null;
  return report.element(
    "details",
    { class: "explain" },
    report.element("summary", { "aria-label": `What is ${title}?` }, "?"),
    report.element("p", {}, meanings[name]),
  );
};

report.number = (value, digits = 3) => {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
};

report.percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");

report.count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

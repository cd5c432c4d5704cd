"use strict";

// What all plots share: axes, marks, the table that says the same, and files to take away. Plots are inline SVG, whose
// colours are those of the page.
report.plot = (() => {
  const { element } = report;
  const SHAPES = ["circle", "square", "triangle", "diamond"];
  const STYLES = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "fill-opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "paint-order",
  ];

  const KINDS = ["svg", "g", "a", "title", "desc", "rect", "line", "path", "text", "image"];

  function node(tag, attributes = {}, ...children) {
    if (!KINDS.includes(tag)) throw new Error(`Plots have no element “${tag}”.`);
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) made.setAttribute(name, String(value));
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }

  // Round numbers between two others, about so many.
  function ticks(low, high, count = 5) {
    if (!(high > low)) return [low];
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough - 1e-12);
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1)
      found.push(Number((at * step).toPrecision(12)));
    return found;
  }

  const scale =
    ([low, high], [begin, end]) =>
    (value) =>
      high === low ? (begin + end) / 2 : begin + ((value - low) / (high - low)) * (end - begin);

  // Text that fits: of a long one the beginning and the end. The whole stands in the table.
  const short = (text, most) => {
    const end = Math.floor(most / 2.5);
    return text.length > most ? `${text.slice(0, most - end - 1)}…${text.slice(-end)}` : text;
  };

  let numbered = 0;

  // An empty plot with its axes: `x` and `y` have a `label`, a `domain` of two numbers or `names`, and may have a `format`.
  function axes({ title, description, width = 560, height = 320, left = 56, right = 24, bottom = 44, top = 12, x, y }) {
    numbered += 1;
    const [name, told] = [`plot-title-${numbered}`, `plot-desc-${numbered}`];
    const svg = node(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: "group",
        "aria-labelledby": name,
        "aria-describedby": told,
      },
      node("title", { id: name }, title),
      node("desc", { id: told }, description),
    );
    const plain = String;
    const axis = (given, range) => {
      if (!given.names) return { at: scale(given.domain, range), size: 0 };
      const size = (range[1] - range[0]) / given.names.length;
      return { at: (index) => range[0] + (index + 0.5) * size, size: Math.abs(size) };
    };
    const across = axis(x, [left, width - right]);
    const up = axis(y, y.names ? [top, height - bottom] : [height - bottom, top]);
    const lines = node("g", { "aria-hidden": "true" });
    const text = (content, attributes) => lines.append(node("text", { class: "tick", ...attributes }, content));
    const marks = (given) => given.ticks ?? ticks(...given.domain);
    if (x.names) {
      x.names.forEach((one, at) =>
        text(short(one, 12), { x: across.at(at), y: height - bottom + 16, "text-anchor": "middle" }),
      );
    } else {
      for (const value of marks(x)) {
        const at = across.at(value);
        lines.append(node("line", { class: "grid", x1: at, x2: at, y1: top, y2: height - bottom }));
        text((x.format ?? plain)(value), { x: at, y: height - bottom + 16, "text-anchor": "middle" });
      }
    }
    if (y.names) {
      const most = Math.floor((left - 10) / 6.4);
      y.names.forEach((one, at) => {
        const attributes = { x: left - 8, y: up.at(at) + 4, "text-anchor": "end" };
        const href = y.links?.[at];
        if (href)
          svg.append(
            node(
              "a",
              { href, "aria-label": one },
              node("text", { class: "tick link", ...attributes }, short(one, most)),
            ),
          );
        else text(short(one, most), attributes);
      });
    } else {
      for (const value of marks(y)) {
        const at = up.at(value);
        lines.append(node("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }));
        text((y.format ?? plain)(value), { x: left - 8, y: at + 4, "text-anchor": "end" });
      }
    }
    text(x.label, { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" });
    if (y.label && !y.names) {
      const middle = (top + height - bottom) / 2;
      text(y.label, { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` });
    }
    const layer = node("g");
    svg.append(lines, layer);
    return { svg, layer, x: across.at, y: up.at, rowHeight: up.size, columnWidth: across.size, title };
  }

  const colour = (series) => `series series-${(series % 6) + 1}`;

  // Series differ in their shape as well.
  function mark(x, y, series, says) {
    const kind = SHAPES[series % SHAPES.length];
    const paths = {
      circle: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
      square: "M-4 -4h8v8h-8z",
      triangle: "M0 -5l5 9h-10z",
      diamond: "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    };
    return node(
      "path",
      { class: `${colour(series)} solid`, d: paths[kind], transform: `translate(${x} ${y})` },
      says ? node("title", {}, says) : null,
    );
  }

  function line(points, series, dashed = false) {
    const d = points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
    return node("path", { class: `${colour(series)} stroke${dashed ? " dashed" : ""}`, d });
  }

  function band(points, series) {
    const edge = [...points.map(([x, low]) => [x, low]), ...points.map(([x, , high]) => [x, high]).reverse()];
    const d = `${edge.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("")}Z`;
    return node("path", { class: `${colour(series)} area`, d });
  }

  const interval = (x1, y1, x2, y2, series) => node("line", { class: `${colour(series)} stroke`, x1, y1, x2, y2 });

  function legend(names) {
    if (names.length < 2) return null;
    const entry = (name, series) => {
      const key = node("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" });
      key.append(mark(0, 0, series));
      return element("li", {}, key, name);
    };
    return element("ul", { class: "legend-list" }, names.map(entry));
  }

  // A picture of a plot that stands alone: its styles in itself, on the page's ground.
  function standalone(svg) {
    const copy = svg.cloneNode(true);
    const copies = [copy, ...copy.querySelectorAll("*")];
    [svg, ...svg.querySelectorAll("*")].forEach((from, at) => {
      const style = getComputedStyle(from);
      for (const name of STYLES) copies[at].setAttribute(name, style.getPropertyValue(name));
      copies[at].removeAttribute("class");
    });
    for (const link of copy.querySelectorAll("a")) link.replaceWith(...link.childNodes);
    const [, , width, height] = svg.getAttribute("viewBox").split(" ");
    const fill = getComputedStyle(document.body).backgroundColor;
    copy.querySelector("desc").after(node("rect", { width, height, fill }));
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    for (const name of ["width", "height"]) copy.setAttribute(name, svg.getAttribute(name));
    return new XMLSerializer().serializeToString(copy);
  }

  const file = (title, ending) =>
    `${title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")}.${ending}`;

  const saveSvg = (svg, title) =>
    report.save(new Blob([standalone(svg)], { type: "image/svg+xml" }), file(title, "svg"));

  async function savePng(svg, title) {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    // Three pixels for each one on the screen.
    canvas.width = 3 * image.naturalWidth;
    canvas.height = 3 * image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => report.save(blob, file(title, "png")), "image/png");
  }

  // A plot with its legend, its numbers as a table, and buttons to save it.
  function figure(drawn, { names = [], note = "", table = null, heading = "h3" }) {
    const button = (text, save) =>
      element("button", { type: "button", "aria-label": `Save ${drawn.title} as ${text}`, onclick: save }, text);
    return element(
      "figure",
      { class: "plot" },
      element("figcaption", {}, heading ? element(heading, {}, drawn.title) : null),
      note ? element("p", { class: "note" }, note) : null,
      legend(names),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": drawn.title }, drawn.svg),
      element(
        "div",
        { class: "take" },
        table
          ? element(
              "details",
              { class: "numbers" },
              element("summary", {}, "Numbers"),
              report.table(drawn.title, table.head, table.rows),
            )
          : null,
        element(
          "span",
          { class: "save" },
          button("SVG", () => saveSvg(drawn.svg, drawn.title)),
          button("PNG", () => report.track(savePng(drawn.svg, drawn.title)).catch(report.fail)),
        ),
      ),
    );
  }

  // Shares with intervals, a row each, of one or several series; `rows` have a name, a link, and for each series an object
  // with `share`, `low`, `high`, `right` and `count`, or null.
  function shares({ title, description, label, rows, series, note, heading, table = true }) {
    const { percent } = report;
    const drawn = axes({
      title,
      description,
      width: 640,
      height: 56 + 26 * rows.length,
      left: 220,
      x: { label, domain: [0, 1], format: (value) => `${Math.round(100 * value)} %` },
      y: { names: rows.map(({ name }) => name), links: rows.map(({ link }) => link) },
    });
    rows.forEach((row, at) => {
      row.values.forEach((value, number) => {
        if (!value) return;
        const y = drawn.y(at) + (number - (series.length - 1) / 2) * 8;
        const says = `${row.name}, ${series[number]}: ${percent(value.right, value.count)} of ${value.count}`;
        drawn.layer.append(
          interval(drawn.x(value.low), y, drawn.x(value.high), y, number),
          mark(drawn.x(value.share), y, number, says),
        );
      });
    });
    const cell = (value) =>
      value
        ? `${percent(value.right, value.count)} (${value.right} of ${value.count}; ${percent(value.low, 1)} to ${percent(value.high, 1)})`
        : "–";
    const numbers = {
      head: ["", ...series],
      rows: rows.map((row) => [
        row.link ? element("a", { href: row.link }, row.name) : row.name,
        ...row.values.map(cell),
      ]),
    };
    return figure(drawn, { names: series, note, table: table ? numbers : null, heading });
  }

  return { node, axes, ticks, scale, mark, line, band, interval, figure, shares, standalone };
})();

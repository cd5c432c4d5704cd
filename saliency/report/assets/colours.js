"use strict";

// Colour tables of 256 levels, and the legend that says what they mean.
report.colours = (() => {
  const tables = new Map();

  function table(name) {
    if (!tables.has(name)) {
      tables.set(
        name,
        Uint8Array.from(atob(report.settings.colours[name]), (letter) => letter.charCodeAt(0)),
      );
    }
    return tables.get(name);
  }

  const of = (method, settings) => table(report.methods.of(method).signed ? settings.signed : settings.colours);
  // Maps on the target layer's grid are laid over the picture; the others have as much detail as the picture, and hide it.
  const opacity = (method, settings) => {
    const given = settings.opacity === undefined || settings.opacity === "" ? NaN : Number(settings.opacity);
    return Number.isFinite(given) ? Math.min(100, Math.max(0, given)) : report.methods.of(method).over ? 55 : 100;
  };

  function legend(method, settings, range) {
    const { title, signed } = report.methods.of(method);
    const canvas = report.element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
    const colours = of(method, settings);
    const image = new ImageData(256, 1);
    for (let level = 0; level < 256; level += 1) {
      image.data.set([...colours.subarray(3 * level, 3 * level + 3), 255], 4 * level);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    const named = signed ? ["lowers", "raises"] : ["least", "most"];
    const [low, high] = range ? range.map((value) => report.number(value)) : named;
    const middle = signed ? report.element("span", {}, "0") : null;
    const words = signed
      ? "where a brighter pixel lowers or raises the score"
      : "from the least to the most important place";
    return report.element(
      "div",
      { class: "legend", role: "img", "aria-label": `Colours of ${title}: ${words}, ${low} to ${high}` },
      canvas,
      report.element(
        "div",
        { class: "ends", "aria-hidden": "true" },
        report.element("span", {}, low),
        middle,
        report.element("span", {}, high),
      ),
    );
  }

  return { table, of, opacity, legend };
})();

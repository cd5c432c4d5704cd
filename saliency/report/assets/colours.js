"use strict";

// Colour tables of 256 levels, and the legend that says what they mean.
report.colours = (() => {
  const tables = new Map();
  const titles = { gradcam: "Grad-CAM", guided_backprop: "Guided Backprop", guided_gradcam: "Guided Grad-CAM", none: "None" };

  function table(name) {
    if (!tables.has(name)) {
      tables.set(name, Uint8Array.from(atob(report.settings.colours[name]), (letter) => letter.charCodeAt(0)));
    }
    return tables.get(name);
  }

  const isSigned = (method) => method !== "gradcam";
  const of = (method, settings) => table(isSigned(method) ? settings.signed : settings.colours);
  // Grad-CAM is laid over the picture; the others have as much detail as the picture, and hide it.
  const opacity = (method, settings) => {
    const given = settings.opacity === undefined || settings.opacity === "" ? NaN : Number(settings.opacity);
    return Number.isFinite(given) ? Math.min(100, Math.max(0, given)) : isSigned(method) ? 100 : 55;
  };

  function legend(method, settings, range) {
    const canvas = report.element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
    const colours = of(method, settings);
    const image = new ImageData(256, 1);
    for (let level = 0; level < 256; level += 1) {
      image.data.set([...colours.subarray(3 * level, 3 * level + 3), 255], 4 * level);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    const [low, high] = range ? range.map((value) => report.number(value)) : isSigned(method) ? ["lowers", "raises"] : ["least", "most"];
    const middle = isSigned(method) ? report.element("span", {}, "0") : null;
    const words = isSigned(method) ? "where a brighter pixel lowers or raises the score" : "from the least to the most important place";
    return report.element(
      "div",
      { class: "legend", role: "img", "aria-label": `Colours of ${titles[method]}: ${words}, ${low} to ${high}` },
      canvas,
      report.element("div", { class: "ends", "aria-hidden": "true" }, report.element("span", {}, low), middle, report.element("span", {}, high)),
    );
  }

  return { table, of, opacity, legend, isSigned, titles };
})();

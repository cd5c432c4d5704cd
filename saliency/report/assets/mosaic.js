"use strict";

// Slices of a volume side by side, from one end to the other. Each leads to its place in three planes.
report.mosaic = (layer, plane, { shape, spacing, known, key, item }) => {
  const MOST = 12;
  const { element } = report;
  const { axis, name, across, upward } = plane;
  const count = Math.min(MOST, shape[axis]);
  const slices = Array.from({ length: count }, (_, at) => {
    const index = Math.floor(((at + 0.5) * shape[axis]) / count);
    const canvas = element("canvas", {
      role: "img",
      "aria-label": `${layer.title} of ${item}, ${name} slice ${index + 1} of ${shape[axis]}`,
    });
    const frame = element("span", { class: "frame" }, canvas);
    frame.style.aspectRatio = `${shape[across] * spacing[across]} / ${shape[upward] * spacing[upward]}`;
    const distance = known ? `, ${(index * spacing[axis]).toFixed(1)} mm` : "";
    const link = element("a", {}, frame, element("span", {}, `${key} ${index + 1}${distance}`));
    return { index, canvas, link };
  });

  // `picture` gives the slice of the layer as it is shown.
  function update(settings, picture) {
    for (const { index, canvas, link } of slices) {
      link.href = report.state.link("sample", item, { ...settings, slices: null, [key]: String(index) });
      report.pictures.put(canvas, picture(layer, axis, index));
    }
  }

  return {
    element: element(
      "ol",
      { class: "mosaic", "data-layer": layer.key, "data-plane": name },
      slices.map(({ link }) => element("li", {}, link)),
    ),
    update,
  };
};

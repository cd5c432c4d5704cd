"use strict";

// A volume in three planes, each with a slider for its slice: one row of planes for the input and for each map. Letters say
// which side is which where the file does.
report.volume = (layers, shape, known, sides, label) => {
  const { element } = report;
  const spacing = known ?? [1, 1, 1];
  const planes = [
    { name: "axial", axis: 2, across: 0, upward: 1, letters: ["L", "R", "A", "P"] },
    { name: "coronal", axis: 1, across: 0, upward: 2, letters: ["L", "R", "S", "I"] },
    { name: "sagittal", axis: 0, across: 1, upward: 2, letters: ["P", "A", "S", "I"] },
  ];
  const keys = ["x", "y", "z"];
  let position = shape.map((size) => Math.floor(size / 2));
  let settings = {};
  let arranged = null; // the plane of which slices are side by side

  const sliders = planes.map(({ name, axis }) => {
    const output = element("output", {});
    const input = element("input", {
      type: "range",
      min: "0",
      max: String(shape[axis] - 1),
      step: "1",
      name: keys[axis],
      "aria-label": `${name} slice of ${label}`,
      oninput: () => move(axis, Number(input.value)),
    });
    return {
      axis,
      input,
      output,
      element: element("label", { class: "slice" }, element("span", {}, `${name} `, output), input),
    };
  });

  function move(axis, index) {
    const found = Math.min(shape[axis] - 1, Math.max(0, index));
    if (found !== position[axis]) report.state.change({ [keys[axis]]: String(found) }, true);
  }

  const choice = report.select(
    "Slices",
    "slices",
    [["", "in three planes"], ...planes.map(({ name }) => [name, `${name}, side by side`])],
    (value) => report.state.change({ slices: value }),
  );
  const note = element("p", { class: "note", hidden: true });
  const canvases = [];
  const places = []; // where the slices of each layer are
  const values = [];
  const head = element(
    "div",
    { class: "planes heads" },
    sliders.map((slider) => slider.element),
  );
  const rows = layers.map((layer) => {
    const cells = planes.map((plane) => {
      const { axis, name, letters, across, upward } = plane;
      const canvas = element("canvas", { role: "img" });
      const frame = element("div", { class: "frame plane", "data-layer": layer.key, "data-plane": name }, canvas);
      (sides ? ["left", "right", "top", "bottom"] : []).forEach((side, at) =>
        frame.append(element("span", { class: `side-letter ${side}`, "aria-hidden": "true" }, letters[at])),
      );
      frame.style.aspectRatio = `${shape[across] * spacing[across]} / ${shape[upward] * spacing[upward]}`;
      let turned = 0;
      frame.addEventListener(
        "wheel",
        (event) => {
          if (event.ctrlKey) return;
          event.preventDefault();
          turned += event.deltaY;
          if (Math.abs(turned) < 20) return;
          move(axis, position[axis] + (turned > 0 ? -1 : 1));
          turned = 0;
        },
        { passive: false },
      );
      const jump = (event) => {
        const box = frame.getBoundingClientRect();
        const share = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value * size)));
        const column = share((event.clientX - box.left) / box.width, shape[across]);
        const row = share(1 - (event.clientY - box.top) / box.height, shape[upward]);
        report.state.change({ [keys[across]]: String(column), [keys[upward]]: String(row) }, true);
      };
      frame.addEventListener("pointerdown", jump);
      canvases.push({ layer, plane, canvas, frame });
      return frame;
    });
    const place = element("div", { class: "planes" }, cells);
    if (layer.volume || layer.map) places.push({ layer, place, cells, mosaics: {} });
    const value = element("output", { class: "note" });
    if (layer.volume || layer.map) values.push({ layer, value });
    const text = element("h3", { class: "layer" }, layer.title, " ", value);
    return element(
      "div",
      { class: "layer-row" },
      text,
      layer.legend ?? null,
      layer.volume || layer.map ? place : element("p", { class: "empty" }, "There is no map."),
    );
  });

  // Window and level: greys between two levels are spread over all of them.
  const limit = (name, text, start) => {
    const input = element("input", {
      type: "range",
      name,
      min: "0",
      max: "255",
      oninput: () => report.state.change({ [name]: input.value === start ? null : input.value }, true),
    });
    return { input, start, field: element("label", { class: "field" }, element("span", {}, text), input) };
  };
  const [dark, bright] = [limit("dark", "Black from", "0"), limit("bright", "White from", "255")];
  const greys = element(
    "div",
    { class: "controls", role: "group", "aria-label": "Slices and greys" },
    choice,
    dark.field,
    bright.field,
  );

  function windowed(image) {
    const [low, high] = [dark, bright].map(({ input }) => Number(input.value));
    if (low === 0 && high === 255) return image;
    const { data } = image;
    for (let at = 0; at < data.length; at += 4) {
      data.fill(((data[at] - low) / Math.max(1, high - low)) * 255, at, at + 3);
    }
    return image;
  }

  // A slice of a layer as it is shown: greys, over them the map, and the outline of the mask.
  function picture(layer, axis, index) {
    const { slice, overlay } = report.pictures;
    const under = layer.volume ? windowed(slice(layer.volume, axis, index)) : null;
    const drawn = layer.map ? overlay(under, slice(layer.map, axis, index), layer.method, settings) : under;
    const outlined = layer.mask && report.outlines.wanted(settings);
    return outlined ? report.outlines.draw(drawn, slice(layer.mask, axis, index)) : drawn;
  }

  // Side by side, or in three planes.
  function arrange(wanted) {
    const plane = planes.find(({ name }) => name === wanted) ?? null;
    for (const { layer, place, cells, mosaics } of places) {
      if (plane) {
        const given = { shape, spacing, known, key: keys[plane.axis], item: label };
        mosaics[wanted] ??= report.mosaic(layer, plane, given);
        mosaics[wanted].update(settings, picture);
      }
      if (plane !== arranged) place.replaceChildren(...(plane ? [mosaics[wanted].element] : cells));
      place.classList.toggle("planes", !plane);
    }
    arranged = plane;
    head.hidden = Boolean(plane);
    note.hidden = !plane || !sides;
    for (const { value } of values) value.hidden = Boolean(plane);
    if (plane)
      note.textContent = `In each slice, ${plane.letters[0]} is at the left and ${plane.letters[2]} at the top.`;
    choice.control.value = plane ? wanted : "";
    return plane;
  }

  function draw() {
    if (arrange(settings.slices)) return;
    for (const { layer, plane, canvas, frame } of canvases) {
      if (!layer.volume && !layer.map) continue;
      const index = position[plane.axis];
      report.pictures.put(canvas, picture(layer, plane.axis, index));
      canvas.setAttribute(
        "aria-label",
        `${layer.title} of ${label}, ${plane.name} slice ${index + 1} of ${shape[plane.axis]}`,
      );
      frame.style.setProperty("--across", `${(100 * (position[plane.across] + 0.5)) / shape[plane.across]}%`);
      frame.style.setProperty("--down", `${100 - (100 * (position[plane.upward] + 0.5)) / shape[plane.upward]}%`);
    }
    for (const { axis, input, output } of sliders) {
      input.value = String(position[axis]);
      const distance = known ? `, ${(position[axis] * spacing[axis]).toFixed(1)} mm` : "";
      output.textContent = `${keys[axis]} ${position[axis] + 1} of ${shape[axis]}${distance}`;
    }
    const [x, y, z] = position;
    for (const { layer, value } of values) {
      const { levels, range } = layer.map ?? layer.volume;
      const level = levels[(x * shape[1] + y) * shape[2] + z];
      const found = range[0] + (level / 255) * (range[1] - range[0]);
      value.textContent = layer.map ? `${report.number(found)} at the cursor` : `level ${level} of 255 at the cursor`;
    }
  }

  function update(next, start) {
    settings = next;
    dark.input.value = next.dark ?? dark.start;
    bright.input.value = next.bright ?? bright.start;
    position = keys.map((key, axis) => {
      const given = next[key] === undefined ? NaN : Number(next[key]);
      return Number.isInteger(given) && given >= 0 && given < shape[axis] ? given : start[axis];
    });
    draw();
  }

  return { element: element("div", { class: "volume" }, greys, note, head, ...rows), update };
};

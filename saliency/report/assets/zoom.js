"use strict";

// Pictures that are enlarged and moved together: with Ctrl and the wheel, by dragging, with the buttons, or + - 0.
report.zoom = () => {
  const MOST = 16;
  const { element } = report;
  let [scale, left, top] = [1, 0, 0]; // left and top in shares of a frame
  const frames = new Set();

  const said = element("output", {}, "100 %");
  const button = (text, label, act) => element("button", { type: "button", "aria-label": label, onclick: act }, text);
  const controls = element(
    "div",
    { class: "field zoom", role: "group", "aria-label": "Zoom" },
    element("span", {}, "Zoom ", said),
    element(
      "span",
      { class: "pair" },
      button("−", "Smaller", () => by(1 / 1.5)),
      button("+", "Larger", () => by(1.5)),
      button("1:1", "Whole pictures", reset),
    ),
  );

  const bounded = (value) => Math.min(0, Math.max(1 - scale, value));

  function show() {
    left = bounded(left);
    top = bounded(top);
    said.textContent = `${Math.round(100 * scale)} %`;
    for (const frame of frames) {
      if (!frame.isConnected) frames.delete(frame);
      else apply(frame);
    }
  }

  function apply(frame) {
    for (const canvas of frame.querySelectorAll("canvas")) {
      canvas.style.transformOrigin = "0 0";
      canvas.style.transform = scale === 1 ? "" : `translate(${100 * left}%, ${100 * top}%) scale(${scale})`;
    }
    frame.classList.toggle("zoomed", scale > 1);
  }

  // Enlarge, and keep the place (in shares of the frame) where it is.
  function by(factor, x = 0.5, y = 0.5) {
    const next = Math.min(MOST, Math.max(1, scale * factor));
    left = x - ((x - left) / scale) * next;
    top = y - ((y - top) / scale) * next;
    scale = next;
    show();
  }

  function reset() {
    [scale, left, top] = [1, 0, 0];
    show();
  }

  // Place in the picture, 0 … 1, under a pointer.
  function place(frame, event) {
    const box = frame.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [(x - left) / scale, (y - top) / scale];
  }

  function add(frame) {
    frames.add(frame);
    frame.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        const box = frame.getBoundingClientRect();
        by(2 ** (-event.deltaY / 200), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      },
      { passive: false },
    );
    let from = null;
    frame.addEventListener("pointerdown", (event) => {
      if (scale === 1) return;
      from = [event.clientX, event.clientY];
      frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!from) return;
      const box = frame.getBoundingClientRect();
      left += (event.clientX - from[0]) / box.width;
      top += (event.clientY - from[1]) / box.height;
      from = [event.clientX, event.clientY];
      show();
    });
    for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, () => (from = null));
    apply(frame);
  }

  return { controls, add, place, reset, keys: { "+": () => by(1.5), "-": () => by(1 / 1.5), 0: reset } };
};

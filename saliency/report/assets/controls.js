"use strict";

// What is drawn: of model, target, method, opacity and colours those that a page has, with the legend of its map.
report.controls = (fields, extra = []) => {
  const { choices } = report.state;
  const change = (name) => (value) =>
    report.state.change({ [name]: value, ...(name === "model" || name === "target" ? { cluster: null } : {}) });
  const choose = (label, name) => report.select(label, name, choices[name], change(name));
  const model = choose("Model", "model");
  const target = choose("Explained class", "target");
  const method = choose("Map", "method");
  const colours = choose("Colours", "colours");
  const signed = choose("Colours", "signed");
  const value = report.element("output", {});
  const slider = report.element("input", {
    type: "range",
    name: "opacity",
    min: "0",
    max: "100",
    step: "5",
    oninput: () => report.state.change({ opacity: slider.value }, true),
  });
  const opacity = report.element("label", { class: "field" }, report.element("span", {}, "Opacity ", value), slider);
  const overlay = report.select("Map is shown", "overlay", choices.overlay, (value) =>
    report.state.change({ overlay: value, at: null }),
  );
  const share = report.element("output", {});
  const at = report.element("input", {
    type: "range",
    name: "at",
    min: "1",
    max: "99",
    oninput: () => report.state.change({ at: at.value }, true),
  });
  const mask = choose("Mask", "mask");
  const meaning = report.element("span", {});
  const place = report.element("label", { class: "field" }, report.element("span", {}, meaning, share), at);
  const legend = report.element("div", { class: "field" });
  const has = (name) => fields.includes(name);
  const element = report.element("div", { class: "controls", role: "group", "aria-label": "What is drawn" });
  if (choices.model.length > 1) element.append(model);
  if (choices.target.length > 1 && has("target")) element.append(target);
  if (has("method")) element.append(method);
  if (has("opacity")) element.append(opacity);
  if (has("overlay")) element.append(overlay, place);
  // The single slice that stands for a volume beside others has no outline.
  const outlined = report.settings.masks && (report.settings.ndim === 2 || !has("method"));
  if (has("mask") && outlined) element.append(mask);
  if (has("colours")) element.append(colours);
  if (has("signed")) element.append(signed);
  element.append(...extra);
  if (has("legend")) element.append(legend);
  element.hidden = !element.firstChild;

  function update(settings) {
    model.control.value = settings.model;
    target.control.value = settings.target;
    method.control.value = settings.method;
    colours.control.value = settings.colours;
    signed.control.value = settings.signed;
    // Where all methods are drawn, each has a legend of its own.
    const shown = has("method") ? settings.method : report.methods.leading;
    const none = shown === "none";
    const isSigned = !none && report.methods.of(shown).signed;
    overlay.control.value = settings.overlay;
    mask.control.value = settings.mask;
    place.hidden = none || settings.overlay === "blend";
    meaning.textContent = settings.overlay === "contour" ? "Share of the pixels " : "Position ";
    at.value = report.state.share(settings);
    share.textContent = `${at.value} %`;
    slider.value = none ? 0 : report.colours.opacity(shown, settings);
    value.textContent = `${slider.value} %`;
    if (has("overlay")) opacity.hidden = settings.overlay === "contour";
    if (has("method")) {
      opacity.hidden = none || (has("overlay") && settings.overlay === "contour");
      colours.hidden = none || isSigned;
      signed.hidden = none || !isSigned;
    } else {
      signed.firstElementChild.textContent = "Colours of signed maps";
    }
    legend.hidden = none;
    legend.replaceChildren(
      ...(none
        ? []
        : [
            report.element("span", {}, "Legend", report.explain(shown, report.methods.title(shown))),
            report.colours.legend(shown, settings),
          ]),
    );
  }

  return { element, update };
};

"use strict";

// The first page is in the document already; here its findings get their pictures.
report.overview = () => {
  const settings = report.state.read("#/").settings;
  for (const strip of document.querySelectorAll(".strip:not(.filled)")) {
    strip.classList.add("filled");
    const { model, target, finding } = strip.dataset;
    const place = report.settings.findings[model][target][Number(finding)];
    const own = { ...settings, ...report.state.keep(report.state.read().settings), model, target, method: "gradcam" };
    report.track(report.samples.open(model, target)).then((data) => {
      for (const link of strip.querySelectorAll("[data-sample]")) {
        const row = data.row.get(link.dataset.sample);
        const canvas = report.element("canvas", { role: "img", "aria-label": `Grad-CAM of ${data.ids[row]}, ${report.samples.words(data, row)}` });
        const frame = report.element("span", { class: "frame" }, canvas);
        const mark = report.settings.ndim === 2 ? report.pictures.place(place) : report.pictures.place(place, [0, 1]);
        if (mark) frame.append(mark);
        link.prepend(frame);
        report.pictures.show(canvas, row, "gradcam", own);
      }
    }, report.fail);
  }
};

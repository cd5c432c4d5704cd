"use strict";

// The first view is in the document already; here its findings get their pictures.
report.views.register({
  route: "",
  title: "Overview",
  navigation: 1,
  element: document.getElementById("overview"),
  data() {
    const strips = [...document.querySelectorAll(".strip")];
    // One that cannot be read does not keep the others from being shown.
    return Promise.allSettled(strips.map(({ dataset }) => report.samples.open(dataset.model, dataset.target)));
  },
  make() {
    const leading = report.methods.leading;

    function update({ settings, data: opened }) {
      document.querySelectorAll(".strip").forEach((strip, at) => {
        if (opened[at].status === "fulfilled") fill(strip, opened[at].value, settings);
      });
      const failed = opened.find(({ status }) => status === "rejected");
      if (failed) throw failed.reason;
    }

    function fill(strip, data, settings) {
      const { model, target, finding } = strip.dataset;
      for (const link of strip.querySelectorAll("[data-sample]")) {
        const row = data.row.get(link.dataset.sample);
        const canvas = link.querySelector("canvas") ?? frame(link, report.settings.findings[model][target][finding]);
        const label = `${report.methods.title(leading)} of ${data.ids[row]}, ${report.samples.words(data, row)}`;
        canvas.setAttribute("aria-label", label);
        report.pictures.show(canvas, row, leading, { ...settings, model, target });
      }
    }

    function frame(link, finding) {
      const canvas = report.element("canvas", { role: "img" });
      link.prepend(report.element("span", { class: "frame" }, canvas, report.pictures.place(finding)));
      return canvas;
    }

    return { update };
  },
});

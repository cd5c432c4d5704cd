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
    recalls();

    // The lowest recalls, whose numbers stand in the document.
    function recalls() {
      const place = document.querySelector("[data-plot=recalls]");
      if (!place) return;
      const { models, recalls: found } = report.settings;
      const drawn = report.plot.shares({
        title: "Lowest recall, by class and group",
        description: "The share of a class's samples that the model finds, with 95 % intervals.",
        label: "recall",
        rows: found.map(({ name, link, models: of }) => ({
          name,
          link,
          values: models.map((model) => of[model] ?? null),
        })),
        series: models,
        heading: null,
        table: false,
      });
      place.insertBefore(drawn, place.querySelector("details"));
    }

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

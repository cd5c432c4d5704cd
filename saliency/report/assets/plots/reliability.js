"use strict";

// Whether the model is right as often as its probabilities say.
report.plots.register({
  name: "reliability",
  title: "Reliability",
  says: "Samples in bins of their probability: on the dashed line, the model is right as often as it says. Below it, it is too sure of itself.",
  order: 2,
  needs: "labels in the manifest",
  draw({ tables }) {
    const { axes, mark, line, interval, figure, node } = report.plot;
    const models = report.settings.models.filter((model) => report.plots.first(tables[model], "calibration").length);
    if (!models.length) return [];
    const share = (value) => `${Math.round(100 * value)} %`;
    const drawn = axes({
      title: "Reliability",
      description: "Accuracy in each bin of the probability of the predicted class, with 95 % intervals.",
      width: 460,
      height: 400,
      x: { label: "mean probability in the bin", domain: [0, 1], format: share },
      y: { label: "accuracy", domain: [0, 1], format: share },
    });
    drawn.layer.append(
      node("line", { class: "guide", x1: drawn.x(0), y1: drawn.y(0), x2: drawn.x(1), y2: drawn.y(1) }),
    );
    const rows = [];
    const errors = models.map((model, series) => {
      const bins = report.plots.first(tables[model], "calibration");
      const middle = (models.length - 1) / 2;
      const at = (bin) => drawn.x(bin.confidence) + 3 * (series - middle);
      drawn.layer.append(
        line(
          bins.map((bin) => [at(bin), drawn.y(bin.accuracy)]),
          series,
        ),
      );
      for (const bin of bins) {
        const says = `${model}: ${share(bin.accuracy)} right of ${bin.count} samples with a mean probability of ${share(bin.confidence)}`;
        drawn.layer.append(
          interval(at(bin), drawn.y(bin.accuracy_low), at(bin), drawn.y(bin.accuracy_high), series),
          mark(at(bin), drawn.y(bin.accuracy), series, says),
        );
        rows.push([
          model,
          `${share(bin.above)} to ${share(bin.up_to)}`,
          bin.count.toLocaleString("en"),
          share(bin.confidence),
          `${share(bin.accuracy)} (${share(bin.accuracy_low)} to ${share(bin.accuracy_high)})`,
        ]);
      }
      const error = bins.reduce((sum, bin) => sum + bin.error, 0);
      return `${model}: ${report.number(error, 2)}`;
    });
    const table = { head: ["Model", "Probability", "Samples", "Mean probability", "Accuracy"], rows };
    const note = `Expected calibration error, the mean distance to the line: ${errors.join(", ")}. Chance adds to it where a bin has few samples.`;
    return [figure(drawn, { names: models, note, table, heading: null })];
  },
});

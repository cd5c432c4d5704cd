"use strict";

// The samples whose maps are most like a sample's own.
report.nearest = () => {
  const COUNT = 6; // samples that are named for each one, as in nearest.py
  const { element } = report;
  const title = report.methods.title(report.methods.leading);
  const list = element("ul", { class: "strip" });
  const note = element("p", { class: "note" });
  const section = element(
    "section",
    { class: "nearest", hidden: true },
    element("h2", {}, "Most similar maps"),
    note,
    list,
  );
  let listed = "";
  let shown = []; // a sample's row with its link and its picture

  async function update(own, row, settings) {
    const { model, target } = settings;
    const found = await report.load(`${model}/${target}/nearest`);
    const [wanted, percent] = found
      ? [
          report.packed.whole(found.rows, row, COUNT, Int32Array),
          report.packed.whole(found.percent, row, COUNT, Int8Array),
        ]
      : [[], []];
    // -1 stands for none.
    const rows = wanted.filter((other) => other >= 0);
    section.hidden = found !== null && !rows.length;
    note.textContent =
      found === null
        ? "They are not sought among so many samples."
        : `Samples whose ${title} map has the highest correlation with this one, each map averaged over a small grid.`;
    const key = `${model}/${target}`;
    if (key !== listed) {
      shown = rows.map((other, at) => item(own, other, percent[at]));
      list.replaceChildren(...shown.map(({ link }) => element("li", {}, link)));
    }
    listed = key;
    const kept = report.state.keep(settings);
    for (const { other, link, canvas } of shown) {
      link.href = report.state.link("sample", own.ids[other], kept);
      report.pictures.show(canvas, other, report.methods.leading, settings);
    }
  }

  function item(own, other, percent) {
    const id = own.ids[other];
    const canvas = element("canvas", {
      role: "img",
      "aria-label": `${title} of ${id}, ${report.samples.words(own, other)}`,
    });
    const words = element("span", {}, `${(percent / 100).toFixed(2)} · ${id}`);
    return { other, canvas, link: element("a", { title: id }, element("span", { class: "frame" }, canvas), words) };
  }

  return { element: section, update };
};

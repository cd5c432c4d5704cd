"use strict";

// The classes of a model and target: all of them, and one with its mean map, clusters, measures and groups.
report.classes = (() => {
  const { element, table, number, percent } = report;

  async function open(settings) {
    const [data, classes] = await Promise.all([
      report.samples.open(settings.model, settings.target),
      report.load(`${settings.model}/${settings.target}/classes`),
    ]);
    const audited = classes.audited ?? data.ids.map((_, row) => row);
    const rows = new Map();
    for (const row of audited) {
      const name = data.explained[row];
      if (name !== null) rows.set(name, [...(rows.get(name) ?? []), row]);
    }
    return { data, classes, audited, rows };
  }

  function accuracy(data, rows) {
    const known = rows.filter((row) => data.correct[row] !== null);
    return { known: known.length, right: known.filter((row) => data.correct[row] === 1).length };
  }

  const where = () => {
    const chosen = Object.entries(report.settings.where);
    return Object.fromEntries(chosen.filter(([, value]) => typeof value === "string").map(([name, value]) => [`col.${name}`, value]));
  };

  function audience(rows, total) {
    const chosen = Object.entries(report.settings.where).map(([name, value]) => `${name} = ${[value].flat().join(" or ")}`);
    return chosen.length ? ` Numbers are of the ${report.count(rows, "sample")} out of ${total.toLocaleString("en")} with ${chosen.join(", ")}.` : "";
  }

  function meanMap(map, settings, label, finding) {
    if (!map) return element("span", { class: "frame blank" });
    const canvas = element("canvas", { role: "img", "aria-label": label });
    const [high, across] = map.shape.length === 3 ? [map.shape[1], map.shape[0]] : map.shape;
    const frame = element("span", { class: "frame" }, canvas);
    frame.style.aspectRatio = `${across} / ${high}`;
    report.pictures.drawMean(canvas, map, settings);
    const mark = report.pictures.place(finding, [0, 1]);
    if (mark) frame.append(mark);
    return frame;
  }

  async function all(main, { settings: first }) {
    const sort = report.select(
      "Sort by",
      "by",
      [["", "class"], ["accuracy", "accuracy, lowest first"], ["count", "number, largest first"]],
      (value) => report.state.change({ by: value }),
    );
    const controls = report.controls(["target", "colours", "legend"], [sort]);
    const list = element("ul", { class: "classes" });
    const lead = element("p", { class: "lead" });
    main.replaceChildren(element("h1", { tabindex: "-1" }, "Classes"), lead, controls.element, list);
    async function update({ settings }) {
      const { data, classes, audited, rows } = await open(settings);
      controls.update(settings);
      sort.control.value = settings.by ?? "";
      const entries = [...rows].map(([name, members]) => ({ name, members, ...accuracy(data, members) }));
      const share = ({ known, right }) => (known ? right / known : 2);
      const orders = { accuracy: (a, b) => share(a) - share(b), count: (a, b) => b.members.length - a.members.length };
      entries.sort((a, b) => orders[settings.by]?.(a, b) || a.name - b.name);
      lead.textContent = `${report.count(entries.length, "class", "classes")}, each with its mean Grad-CAM.${audience(audited.length, data.ids.length)}`;
      list.replaceChildren(
        ...entries.map(({ name, members, known, right }) =>
          element(
            "li",
            {},
            element(
              "a",
              { href: report.state.link("class", String(name), report.state.keep(settings)) },
              meanMap(classes.mean_maps[name], settings, `Mean Grad-CAM of ${data.className(name)}`),
              element("span", { class: "name" }, data.className(name)),
              element("span", { class: "note" }, report.count(members.length, "sample")),
              known ? element("span", { class: "note" }, `${percent(right, known)} correct`) : null,
            ),
          ),
        ),
      );
    }
    await update({ settings: first });
    return { update };
  }

  async function one(main, { item, settings: first }) {
    const name = Number(item);
    const controls = report.controls(["target", "colours", "legend"]);
    const body = element("div", {});
    const title = element("h1", { tabindex: "-1" });
    main.replaceChildren(element("p", { class: "crumbs" }, element("a", { href: report.state.link("classes", null, report.state.keep(first)) }, "Classes")), title, controls.element, body);
    async function update({ settings }) {
      const { data, classes, audited, rows } = await open(settings);
      const members = rows.get(name) ?? [];
      const kept = report.state.keep(settings);
      const finding = report.samples.finding(settings);
      const { known, right } = accuracy(data, members);
      const pictures = (more = {}) => report.state.link("gallery", null, { ...kept, class: item, finding: settings.finding, ...where(), ...more });
      controls.update(settings);
      title.textContent = data.className(name).replace(/^class /, "Class ");
      if (!members.length) {
        body.replaceChildren(element("p", { class: "empty" }, "No sample is explained for this class here."));
        return;
      }
      body.replaceChildren(
        ...(finding ? [element("div", { class: "banner" }, element("p", {}, finding.sentence), element("p", { class: "hint" }, finding.begin ? "The frame marks the place. " : "", element("a", { href: "#/" }, "All findings")))] : []),
        element(
          "div",
          { class: "summary" },
          element("div", { class: "mean" }, meanMap(classes.mean_maps[name], settings, `Mean Grad-CAM of ${data.className(name)}`, finding), element("p", { class: "note" }, "Mean Grad-CAM, each map divided by its sum")),
          element(
            "div",
            {},
            element(
              "dl",
              { class: "facts" },
              fact("Samples", members.length.toLocaleString("en")),
              known ? fact("Correct", `${percent(right, known)} of ${known.toLocaleString("en")}`) : null,
              known ? fact("Wrong", known > right ? element("a", { href: pictures({ correct: "wrong" }) }, (known - right).toLocaleString("en")) : "0") : null,
            ),
            element("p", {}, element("a", { class: "button", href: pictures() }, `See the ${report.count(members.length, "picture")}`)),
            element("p", { class: "note" }, audience(audited.length, data.ids.length)),
          ),
        ),
        ...clusters(data, classes, name, members, settings, pictures),
        ...measures(classes, data, name, audited),
        ...groups(data, members, pictures),
      );
    }
    await update({ settings: first });
    return { update };
  }

  const fact = (term, value) => element("div", {}, element("dt", {}, term), element("dd", {}, value));

  function clusters(data, classes, name, members, settings, pictures) {
    const found = classes.clusters[name] ?? [];
    if (found.length < 2) return [element("h2", {}, "Clusters"), element("p", { class: "empty" }, "The maps of this class form no clusters: they are alike, or too few.")];
    const items = found.map((cluster) => {
      const of = members.filter((row) => data.cluster[row] === cluster.cluster);
      const { known, right } = accuracy(data, of);
      const exemplars = cluster.exemplars.map((row) => {
        const canvas = element("canvas", { role: "img", "aria-label": `Grad-CAM of ${data.ids[row]}, ${report.samples.words(data, row)}` });
        report.pictures.show(canvas, row, "gradcam", settings);
        return element("a", { href: report.state.link("sample", data.ids[row], { ...report.state.keep(settings), class: String(name), cluster: String(cluster.cluster) }), title: data.ids[row] }, element("span", { class: "frame" }, canvas));
      });
      return element(
        "li",
        { class: "cluster" },
        element("h3", {}, `Cluster ${cluster.cluster + 1}`),
        element("p", { class: "note" }, `${report.count(of.length, "sample")}${known ? ` · ${percent(right, known)} correct` : ""}`),
        element("div", { class: "exemplars" }, meanMap(cluster.map, settings, `Mean map of cluster ${cluster.cluster + 1}`), ...exemplars),
        element("p", {}, element("a", { href: pictures({ cluster: String(cluster.cluster), finding: null }) }, "See its pictures")),
      );
    });
    return [element("h2", {}, "Clusters"), element("p", { class: "lead" }, "Samples whose maps are alike. The first picture of each is the mean map, the others are the samples nearest to it."), element("ul", { class: "clusters" }, items)];
  }

  function measures(classes, data, name, audited) {
    const rows = (classes.measures[name] ?? []).map((row) => {
      const values = (data.measures[row.measure] ?? []).filter((value, at) => value !== null && (classes.audited === null || auditedSet(audited).has(at)));
      const mean = values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
      return [row.measure, number(row.mean), row.mean_low === null ? "–" : `${number(row.mean_low)} to ${number(row.mean_high)}`, number(row.median), number(mean)];
    });
    if (!rows.length) return [];
    return [element("h2", {}, "Measures"), table("Measures of this class", ["Measure", "Mean", "95 % interval", "Median", "Mean of all classes"], rows)];
  }

  const sets = new WeakMap();
  function auditedSet(rows) {
    if (!sets.has(rows)) sets.set(rows, new Set(rows));
    return sets.get(rows);
  }

  function groups(data, members, pictures) {
    const rows = [];
    for (const [name, { values }] of Object.entries(data.columns)) {
      if (values.length < 2 || values.length > 20) continue;
      const of = new Map();
      for (const row of members) {
        const value = data.column(name, row);
        of.set(value, [...(of.get(value) ?? []), row]);
      }
      for (const [value, found] of [...of].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))) {
        const { known, right } = accuracy(data, found);
        rows.push([name, value === "" ? "(empty)" : element("a", { href: pictures({ [`col.${name}`]: value, finding: null }) }, value), found.length.toLocaleString("en"), percent(right, known)]);
      }
    }
    if (!rows.length) return [];
    return [element("h2", {}, "Groups"), table("Groups of this class", ["Column", "Value", "Samples", "Correct"], rows)];
  }

  async function tests(main, { settings: first }) {
    const controls = report.controls(["target"]);
    const body = element("div", {});
    main.replaceChildren(element("h1", { tabindex: "-1" }, "Groups"), element("p", { class: "lead" }, "Do maps of some samples differ from those of the rest? Each column of the manifest is tested against each measure, within classes. An effect (Cliff's delta) of 0 is none, of 1 or -1 a complete separation; p is corrected for the number of tests."), controls.element, body);
    async function update({ settings }) {
      const { classes } = await open(settings);
      controls.update(settings);
      const tested = classes.groups.filter((row) => row.p_adjusted !== null);
      tested.sort((a, b) => a.p_adjusted - b.p_adjusted || Math.abs(b.effect) - Math.abs(a.effect));
      const cells = tested.map((row) => [
        row.column,
        element("a", { href: report.state.link("gallery", null, { ...report.state.keep(settings), [`col.${row.column}`]: row.group, ...where() }) }, row.group),
        row.measure,
        row.count.toLocaleString("en"),
        number(row.mean),
        number(row.mean_rest),
        number(row.effect, 2),
        row.p_adjusted < 0.001 ? "< 0.001" : number(row.p_adjusted, 2),
      ]);
      body.replaceChildren(
        cells.length
          ? table("Tests of groups", ["Column", "Group", "Measure", "Samples", "Mean", "Mean of the rest", "Effect", "p"], cells)
          : element("p", { class: "empty" }, "The manifest has no column whose groups could be tested: it takes two groups with enough samples in the same classes."),
      );
    }
    await update({ settings: first });
    return { update };
  }

  return { all, one, tests };
})();

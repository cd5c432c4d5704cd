"use strict";

// One class: its mean map, clusters, measures and groups.
report.views.register({
  route: "class",
  title: (item) => `Class ${item}`,
  under: "classes",
  data: (settings) => report.classData.open(settings),
  make(main, { item, settings: first }) {
    const { element, table, number, percent } = report;
    const { accuracy, audience, where } = report.classData;
    const name = Number(item);
    const leading = report.methods.title(report.methods.leading);
    const controls = report.controls(["target", "colours", "legend"]);
    const body = element("div", {});
    const title = element("h1", { tabindex: "-1" });
    const up = report.state.link("classes", null, report.state.keep(first));
    main.replaceChildren(
      element("p", { class: "crumbs" }, element("a", { href: up }, "Classes")),
      title,
      controls.element,
      body,
    );

    function update({ settings, data: { data, classes, audited, rows } }) {
      const members = rows.get(name) ?? [];
      const finding = report.samples.finding(settings);
      controls.update(settings);
      title.textContent = data.className(name).replace(/^class /, "Class ");
      if (!members.length) {
        body.replaceChildren(element("p", { class: "empty" }, "No sample is explained for this class here."));
        return;
      }
      const pictures = (more = {}) =>
        report.state.link("gallery", null, {
          ...report.state.keep(settings),
          class: item,
          finding: settings.finding,
          ...where(),
          ...more,
        });
      body.replaceChildren(
        ...report.samples.banner(finding),
        element(
          "div",
          { class: "summary" },
          element(
            "div",
            { class: "mean" },
            report.pictures.mean(
              classes.mean_maps[name],
              settings,
              `Mean ${leading} of ${data.className(name)}`,
              finding,
            ),
            element("p", { class: "note" }, `Mean ${leading}. Each map is divided by its sum first.`),
          ),
          element(
            "div",
            {},
            numbers(data, members, pictures),
            element(
              "p",
              {},
              element("a", { class: "button", href: pictures() }, `See the ${report.count(members.length, "picture")}`),
            ),
            element("p", { class: "note" }, audience(audited, data.ids.length)),
          ),
        ),
        ...clusters(data, classes, members, settings, pictures),
        ...measures(data, classes, audited),
        ...groups(data, members, pictures),
      );
    }

    function numbers(data, members, pictures) {
      const fact = (term, value) => element("div", {}, element("dt", {}, term), element("dd", {}, value));
      const { known, right } = accuracy(data, members);
      const wrong = (known - right).toLocaleString("en");
      return element(
        "dl",
        { class: "facts" },
        fact("Samples", members.length.toLocaleString("en")),
        known ? fact("Correct", `${percent(right, known)} of ${known.toLocaleString("en")}`) : null,
        known
          ? fact("Wrong", known > right ? element("a", { href: pictures({ correct: "wrong" }) }, wrong) : "0")
          : null,
      );
    }

    function clusters(data, classes, members, settings, pictures) {
      const heading = element("h2", {}, "Clusters");
      const found = classes.clusters[name] ?? [];
      if (found.length < 2) {
        return [
          heading,
          element(
            "p",
            { class: "empty" },
            "The maps of this class form no clusters: they are all alike, or there are too few.",
          ),
        ];
      }
      const items = found.map((cluster) => {
        const own = { class: String(name), cluster: String(cluster.cluster) };
        const of = members.filter((row) => data.cluster[row] === cluster.cluster);
        const { known, right } = accuracy(data, of);
        const exemplars = cluster.exemplars.map((row) => {
          const label = `${leading} of ${data.ids[row]}, ${report.samples.words(data, row)}`;
          const canvas = element("canvas", { role: "img", "aria-label": label });
          report.pictures.show(canvas, row, report.methods.leading, settings);
          const href = report.state.link("sample", data.ids[row], { ...report.state.keep(settings), ...own });
          return element("a", { href, title: data.ids[row] }, element("span", { class: "frame" }, canvas));
        });
        const title = `Cluster ${cluster.cluster + 1}`;
        const note = `${report.count(of.length, "sample")}${known ? ` · ${percent(right, known)} correct` : ""}`;
        return element(
          "li",
          { class: "cluster" },
          element("h3", {}, title),
          element("p", { class: "note" }, note),
          element(
            "div",
            { class: "exemplars" },
            report.pictures.mean(cluster.map, settings, `Mean ${leading} of cluster ${cluster.cluster + 1}`),
            ...exemplars,
          ),
          element(
            "p",
            {},
            element(
              "a",
              { href: pictures({ cluster: own.cluster, finding: null }), "aria-label": `See the pictures of ${title}` },
              "See its pictures",
            ),
          ),
        );
      });
      return [
        heading,
        element(
          "p",
          { class: "lead" },
          "The samples of a cluster have maps that are alike. The first picture is the mean map of the cluster, the others are the samples whose maps are nearest to it.",
        ),
        element("ul", { class: "clusters" }, items),
      ];
    }

    function measures(data, classes, audited) {
      const rows = (classes.measures[name] ?? []).map((row) => {
        const values = (data.measures[row.measure] ?? []).filter((value, at) => value !== null && audited.has(at));
        const mean = values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
        return [
          [row.measure, report.explain(row.measure)],
          number(row.mean),
          row.mean_low === null ? "–" : `${number(row.mean_low)} to ${number(row.mean_high)}`,
          number(row.median),
          number(mean),
        ];
      });
      if (!rows.length) return [];
      const head = ["Measure", "Mean", "95 % interval", "Median", "Mean of all classes"];
      return [element("h2", {}, "Measures"), table("Measures of this class", head, rows)];
    }

    function groups(data, members, pictures) {
      const rows = [];
      for (const [column, { values }] of Object.entries(data.columns)) {
        if (values.length < 2 || values.length > 20) continue;
        const of = new Map();
        for (const row of members) {
          const value = data.column(column, row);
          if (!of.has(value)) of.set(value, []);
          of.get(value).push(row);
        }
        const sorted = [...of].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
        for (const [value, found] of sorted) {
          const { known, right } = accuracy(data, found);
          const href = pictures({ [`col.${column}`]: [value], finding: null });
          rows.push([
            column,
            element("a", { href }, value === "" ? "(empty)" : value),
            found.length.toLocaleString("en"),
            percent(right, known),
          ]);
        }
      }
      if (!rows.length) return [];
      const head = ["Column", "Value", "Samples", "Correct"];
      return [element("h2", {}, "Groups"), table("Groups of this class", head, rows)];
    }

    return { update };
  },
});

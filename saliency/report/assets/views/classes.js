"use strict";

// All classes of a model and target, each with its mean map.
report.views.register({
  route: "classes",
  title: "Classes",
  navigation: 3,
  data: (settings) => report.classData.open(settings),
  make(main) {
    const { element, percent } = report;
    const leading = report.methods.title(report.methods.leading);
    const sort = report.select(
      "Sort by",
      "by",
      [
        ["", "class"],
        ["accuracy", "accuracy, lowest first"],
        ["count", "number, largest first"],
      ],
      (value) => report.state.change({ by: value }),
    );
    const controls = report.controls(["target", "colours", "legend"], [sort]);
    const list = element("ul", { class: "classes" });
    const lead = element("p", { class: "lead" });
    main.replaceChildren(element("h1", { tabindex: "-1" }, "Classes"), lead, controls.element, list);

    function update({ settings, data: { data, classes, audited, rows } }) {
      controls.update(settings);
      sort.control.value = settings.by ?? "";
      const entries = [...rows].map(([name, members]) => ({
        name,
        members,
        ...report.classData.accuracy(data, members),
      }));
      const share = ({ known, right }) => (known ? right / known : 2);
      const orders = {
        accuracy: (a, b) => share(a) - share(b),
        count: (a, b) => b.members.length - a.members.length,
      };
      entries.sort((a, b) => orders[settings.by]?.(a, b) || a.name - b.name);
      const number = report.count(entries.length, "class", "classes");
      lead.textContent = `Mean ${leading} of ${number}. ${report.classData.audience(audited, data.ids.length)}`;
      list.replaceChildren(
        ...entries.map(({ name, members, known, right }) =>
          element(
            "li",
            {},
            element(
              "a",
              { href: report.state.link("class", String(name), report.state.keep(settings)) },
              report.pictures.mean(classes.mean_maps[name], settings, `Mean ${leading} of ${data.className(name)}`),
              element("span", { class: "name" }, data.className(name)),
              element("span", { class: "note" }, report.count(members.length, "sample")),
              known ? element("span", { class: "note" }, `${percent(right, known)} correct`) : null,
            ),
          ),
        ),
      );
    }

    return { update };
  },
});

"use strict";

// Tests of groups of the manifest against the other samples.
report.views.register({
  route: "groups",
  title: "Groups",
  navigation: 4,
  data: (settings) => report.classData.open(settings),
  make(main) {
    const { element, number } = report;
    const controls = report.controls(["target"]);
    const body = element("div", {});
    main.replaceChildren(
      element("h1", { tabindex: "-1" }, "Groups"),
      element(
        "p",
        { class: "lead" },
        "Do the maps of a group of samples differ from those of the other samples? The audit tests each column of the manifest against each measure, within classes. An effect (Cliff's delta) of 0 means that the two do not differ, an effect of 1 or -1 that their values do not overlap. p is corrected for the number of tests.",
      ),
      controls.element,
      body,
    );

    function update({ settings, data: { classes } }) {
      controls.update(settings);
      const tested = classes.groups.filter((row) => row.p_adjusted !== null);
      tested.sort((a, b) => a.p_adjusted - b.p_adjusted || Math.abs(b.effect) - Math.abs(a.effect));
      const pictures = ({ column, group }) =>
        report.state.link("gallery", null, {
          ...report.state.keep(settings),
          ...report.classData.where(),
          [`col.${column}`]: [group],
        });
      const cells = tested.map((row) => [
        row.column,
        element("a", { href: pictures(row) }, row.group),
        [row.measure, report.explain(row.measure)],
        row.count.toLocaleString("en"),
        number(row.mean),
        number(row.mean_rest),
        number(row.effect, 2),
        row.p_adjusted < 0.001 ? "<\u00a00.001" : number(row.p_adjusted, 2),
      ]);
      const head = ["Column", "Group", "Measure", "Samples", "Mean", "Mean of the others", "Effect", "p"];
      body.replaceChildren(
        cells.length
          ? report.table("Tests of groups", head, cells)
          : element(
              "p",
              { class: "empty" },
              "No column of the manifest can be tested. A test needs two groups that both have enough samples in the same class.",
            ),
      );
    }

    return { update };
  },
});

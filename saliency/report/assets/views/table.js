"use strict";

// All samples that the filters choose, as a table that sorts, searches and pages (DataTables).
report.views.register({
  route: "table",
  title: "Table",
  navigation: 5,
  async data({ model, target }) {
    const library = ["datatables.js", "datatables.css"].map((name) => report.insert(`assets/${name}`));
    const [data] = await Promise.all([report.samples.open(model, target), ...library]);
    return data;
  },
  make(main, { settings, data: first }) {
    const { element, number } = report;
    const controls = report.controls(["target"]);
    let filters = report.filters(first, settings);
    const said = element("p", { class: "count", role: "status" });
    const holder = element("div", { class: "datatable" });
    const chips = element("div", {}, filters.chips);
    const side = element(
      "details",
      { class: "side", open: matchMedia("(min-width: 60rem)").matches },
      element("summary", {}, "Filter"),
      filters.form,
    );
    main.replaceChildren(
      element("h1", { tabindex: "-1" }, "Table"),
      element(
        "div",
        { class: "columns" },
        side,
        element(
          "section",
          { class: "content", "aria-label": "Table of samples" },
          controls.element,
          chips,
          said,
          holder,
        ),
      ),
    );
    let shown = null;

    // DataTables takes texts for HTML and nodes for what they are.
    const text = (value) => document.createTextNode(value);

    function update({ settings, data: own }) {
      if (shown && shown.data !== own) {
        filters = report.filters(own, settings);
        side.replaceChildren(side.firstElementChild, filters.form);
        chips.replaceChildren(filters.chips);
      }
      filters.fill(settings);
      controls.update(settings);
      const rows = report.samples.choose(own, settings);
      said.textContent = `${rows.length.toLocaleString("en")} of ${report.count(own.ids.length, "sample")}`;
      const key = JSON.stringify(settings);
      if (shown?.key === key) return;
      shown?.table.destroy();
      const measures = Object.keys(own.measures).filter((name) => !(name in own.columns) && name !== "probability");
      const columns = [
        {
          title: "id",
          value: (row) => own.ids[row],
          show: (row) => element("a", { href: report.state.link("sample", own.ids[row], settings) }, own.ids[row]),
        },
        {
          title: "label",
          value: (row) => [own.label[row]].flat()[0] ?? null,
          show: (row) => text(own.label[row] === null ? "–" : own.className(own.label[row])),
        },
        {
          title: "predicted",
          value: (row) => [own.predicted[row]].flat()[0] ?? null,
          show: (row) => text(own.predicted[row] === null ? "–" : own.className(own.predicted[row])),
        },
        { title: "probability", value: (row) => own.probability[row] },
        { title: "correct", value: (row) => ({ 1: "yes", 0: "no" })[own.correct[row]] ?? "–" },
        { title: "status", value: (row) => own.status.value(row) },
        { title: "cluster", value: (row) => (own.cluster[row] === null ? null : own.cluster[row] + 1) },
        ...measures.map((name) => ({ title: name, value: (row) => own.measure(name, row) })),
        ...Object.keys(own.columns).map((name) => ({
          title: name,
          value: (row) => (name in own.measures ? own.measure(name, row) : own.column(name, row)),
        })),
      ];
      const head = element(
        "tr",
        {},
        columns.map(({ title }) => element("th", { scope: "col" }, title)),
      );
      const node = element("table", { class: "display nowrap", "aria-label": "Samples" }, element("thead", {}, head));
      holder.replaceChildren(node);
      const render =
        ({ value, show }) =>
        (_, kind, row) => {
          const found = value(row);
          if (kind !== "display") return found ?? "";
          return show ? show(row) : text(typeof found === "number" || found === null ? number(found) : found);
        };
      const answer = report.rows(rows, columns);
      const table = new report.jQuery.fn.dataTable(node, {
        // It asks for one page after the other: handed all samples, it would first look at each of their cells.
        serverSide: true,
        ajax: ({ draw, ...wanted }, done) => done({ draw, ...answer(wanted) }),
        searchDelay: 200,
        columns: columns.map((column) => ({
          data: (row) => row,
          render: render(column),
          defaultContent: "",
          type: typeof column.value(rows[0] ?? 0) === "string" ? "string" : "num",
          className: column.show ? "dt-left" : "",
        })),
        order: [],
        pageLength: 25,
        lengthMenu: [25, 100, 500],
        autoWidth: false,
        language: { emptyTable: "No sample fits all of these filters." },
        layout: { topStart: "pageLength", topEnd: "search", bottomStart: "info", bottomEnd: "paging" },
      });
      const scroll = element("div", {
        class: "scroll",
        tabindex: "0",
        role: "region",
        "aria-label": "Table of samples",
      });
      node.replaceWith(scroll);
      scroll.append(node);
      shown = { table, key, data: own };
    }

    return { update, leave: () => shown?.table.destroy() };
  },
});

"use strict";

// Thousands of pictures, of which only those in sight are in the document.
report.views.register({
  route: "gallery",
  title: "Gallery",
  navigation: 2,
  data: ({ model, target }) => report.samples.open(model, target),
  make(main, { settings, data: first }) {
    const CAPTION = 46;
    const GAP = 10;
    let data = first;
    let current = settings;
    let rows = [];
    let columns = 1;
    let cell = 160;
    let height = 1;
    const cells = new Map();

    const size = report.select(
      "Size",
      "size",
      [
        ["96", "small"],
        ["160", "medium"],
        ["240", "large"],
      ],
      (value) => report.state.change({ size: value }),
    );
    const controls = report.controls(["target", "method", "opacity", "mask", "colours", "signed", "legend"], [size]);
    let filters = report.filters(data, settings);
    const wide = matchMedia("(min-width: 60rem)").matches;
    const side = report.element(
      "details",
      { class: "side", open: wide },
      report.element("summary", {}, "Filter and sort"),
      filters.form,
    );
    const said = report.element("p", { class: "count", role: "status", "aria-live": "polite" });
    const banner = report.element("div", {});
    const list = report.element("div", { class: "pictures", role: "list", "aria-label": "Pictures" });
    const empty = report.element(
      "p",
      { class: "empty", hidden: true },
      "No sample fits all of these filters. Remove a filter, or show all samples.",
    );
    const chips = report.element("div", {}, filters.chips);
    main.replaceChildren(
      report.element("h1", { tabindex: "-1" }, "Gallery"),
      report.element(
        "div",
        { class: "columns" },
        side,
        report.element(
          "section",
          { class: "content", "aria-label": "Pictures" },
          controls.element,
          banner,
          chips,
          said,
          empty,
          list,
        ),
      ),
    );

    function layout() {
      const width = list.clientWidth;
      if (!width) return;
      const wanted = Math.min(Number(current.size) || 160, width / 2 - GAP);
      const gap = width < 480 ? 6 : GAP;
      columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)));
      cell = Math.floor((width - gap * (columns - 1)) / columns);
      const [high, across] = report.settings.sizes[current.model];
      const picture = Math.round((cell * high) / across);
      list.style.setProperty("--picture", `${picture}px`);
      height = picture + CAPTION + gap;
      list.style.height = `${Math.ceil(rows.length / columns) * height}px`;
      for (const [at, found] of cells) position(found, at, gap);
      layout.gap = gap;
    }

    function position(found, at, gap) {
      found.style.width = `${cell}px`;
      found.style.transform = `translate(${(at % columns) * (cell + gap)}px, ${Math.floor(at / columns) * height}px)`;
    }

    function paint() {
      if (!list.isConnected) return;
      const top = -list.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor((top - 300) / height)) * columns;
      const last = Math.min(rows.length, (Math.ceil((top + innerHeight + 300) / height) + 1) * columns);
      const free = [];
      for (const [at, found] of cells) {
        if ((at < first || at >= last) && !found.contains(document.activeElement)) {
          cells.delete(at);
          free.push(found);
        }
      }
      for (let at = first; at < last; at += 1) {
        if (cells.has(at)) continue;
        const found = free.pop() ?? make();
        fill(found, at);
        cells.set(at, found);
        position(found, at, layout.gap);
        if (!found.isConnected) list.append(found);
      }
      free.forEach((found) => found.remove());
    }

    function make() {
      const canvas = report.element("canvas", { role: "img" });
      const frame = report.element("span", { class: "frame" }, canvas);
      const name = report.element("span", { class: "name" });
      const note = report.element("span", { class: "note" });
      const link = report.element("a", {}, frame, name, note);
      const found = report.element("div", { class: "cell", role: "listitem" }, link);
      return Object.assign(found, { canvas, frame, link, name, note });
    }

    function fill(found, at) {
      const row = rows[at];
      const words = report.samples.words(data, row);
      found.at = at;
      found.setAttribute("aria-posinset", at + 1);
      found.setAttribute("aria-setsize", rows.length);
      found.link.href = report.state.link("sample", data.ids[row], current);
      found.name.textContent = data.ids[row];
      const sorted = data.measures[current.sort];
      const value = sorted ? `${report.number(sorted[row])} · ` : "";
      const status = data.status.value(row);
      found.note.textContent = value + (status === "ok" ? data.className(data.predicted[row]) : status);
      found.note.title = found.note.textContent;
      found.dataset.correct = status === "ok" ? ({ 1: "right", 0: "wrong" }[data.correct[row]] ?? "") : "failed";
      const title = current.method === "none" ? "Picture" : report.methods.title(current.method);
      found.canvas.setAttribute("aria-label", `${title} of ${data.ids[row]}, ${words}`);
      found.frame.querySelector(".place")?.remove();
      const mark = report.pictures.place(report.samples.finding(current));
      if (mark) found.frame.append(mark);
      report.pictures.show(found.canvas, row, current.method, current);
    }

    function update({ settings: next, data: opened }) {
      if (opened !== data) {
        data = opened;
        filters = report.filters(data, next);
        side.replaceChildren(side.firstElementChild, filters.form);
        chips.replaceChildren(filters.chips);
      }
      current = next;
      rows = report.samples.choose(data, current);
      filters.fill(current);
      controls.update(current);
      size.control.value = current.size;
      said.textContent = `${rows.length.toLocaleString("en")} of ${report.count(data.ids.length, "sample")}${accuracy()}`;
      empty.hidden = rows.length > 0;
      banner.replaceChildren(...report.samples.banner(report.samples.finding(current)));
      layout();
      for (const [at, found] of cells) {
        if (at < rows.length) fill(found, at);
        else {
          found.remove();
          cells.delete(at);
        }
      }
      paint();
    }

    function accuracy() {
      const known = rows.filter((row) => data.correct[row] !== null);
      const right = known.filter((row) => data.correct[row] === 1);
      return known.length ? `, accuracy ${report.percent(right.length, known.length)}` : "";
    }

    // The picture so many places from the one that has the focus; without one, the first in sight.
    function go(step, event) {
      if (!rows.length) return;
      const focused = document.activeElement.closest?.(".cell");
      const seen = [...cells.keys()].filter((at) => cells.get(at).getBoundingClientRect().top >= 60);
      const at = focused ? focused.at + step : Math.min(...seen);
      if (at < 0 || at >= rows.length) return;
      event.preventDefault();
      focus(at);
    }

    function focus(at) {
      const top = list.getBoundingClientRect().top + scrollY + Math.floor(at / columns) * height;
      if (top < scrollY + 70) scrollTo(0, top - 70);
      else if (top + height > scrollY + innerHeight) scrollTo(0, top + height - innerHeight);
      paint();
      cells.get(at)?.link.focus({ preventScroll: true });
    }

    let waiting = false;
    const scrolled = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        paint();
      });
    };
    const watcher = new ResizeObserver(() => {
      layout();
      paint();
    });
    watcher.observe(list);
    addEventListener("scroll", scrolled, { passive: true });
    return {
      update,
      keys: {
        ArrowLeft: (event) => go(-1, event),
        ArrowRight: (event) => go(1, event),
        ArrowUp: (event) => go(-columns, event),
        ArrowDown: (event) => go(columns, event),
      },
      returned: (id) => {
        const at = rows.indexOf(data.row.get(id));
        if (at >= 0) focus(at);
      },
      leave: () => {
        watcher.disconnect();
        removeEventListener("scroll", scrolled);
      },
    };
  },
});

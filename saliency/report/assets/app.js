"use strict";

// From the address to a page; keys and colours that hold everywhere.
(() => {
  const main = document.getElementById("main");
  const overview = document.getElementById("overview");
  const holder = document.getElementById("view");
  const views = {
    gallery: report.gallery,
    classes: report.classes.all,
    class: report.classes.one,
    groups: report.classes.tests,
    table: report.samplesTable,
    sample: report.sample,
  };
  let shown = { view: null, item: null, page: null };
  let order = 0;
  let left = null; // the sample that was looked at last
  const scrolled = new Map();
  let address = location.hash;

  report.typing = ({ target }) => target.matches?.("input, select, textarea, [contenteditable]") || document.querySelector("dialog[open]") !== null;

  report.fail = (error) => {
    const notice = report.element("p", { class: "banner bad", role: "alert" }, error.message);
    holder.querySelector(".banner.bad[role=alert]")?.remove();
    (holder.hidden ? overview : holder).prepend(notice);
  };

  async function route() {
    scrolled.set(address.split("?")[0], scrollY);
    address = location.hash;
    const { view, item, settings } = report.state.read();
    if (shown.view === view && shown.item === item && shown.page) {
      await shown.page.update({ settings });
      return;
    }
    order += 1;
    const mine = order;
    shown.page?.leave?.();
    const before = shown;
    shown = { view, item, page: null };
    for (const link of document.querySelectorAll("nav [data-view]")) {
      const current = link.dataset.view === view || (link.dataset.view === "classes" && view === "class") || (link.dataset.view === "gallery" && view === "sample");
      if (current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      const kept = report.state.keep(settings);
      link.href = report.state.link(link.dataset.view, null, kept);
    }
    const make = Object.hasOwn(views, view) ? views[view] : null;
    overview.hidden = Boolean(make);
    holder.hidden = !make;
    const name = { gallery: "Gallery", classes: "Classes", class: `Class ${item}`, groups: "Groups", table: "Table", sample: item }[view];
    document.title = `${name ? `${name} · ` : ""}${report.settings.experiment}: saliency report`;
    if (!make) {
      holder.replaceChildren();
      report.overview();
      scrollTo(0, scrolled.get(address.split("?")[0]) ?? 0);
      return;
    }
    const page = report.element("div", { class: `page-${view}` });
    holder.replaceChildren(page);
    scrollTo(0, 0);
    const made = await make(page, { item, settings });
    if (mine !== order) {
      made.leave?.();
      return;
    }
    shown.page = made;
    // The address may have changed while the page was made.
    const now = report.state.read();
    if (now.view === view && now.item === item) await made.update({ settings: now.settings });
    if (before.view === "sample") left = before.item;
    if (view === "gallery" && before.view === "sample" && left) made.shown(left);
    else if (before.view !== null) page.querySelector("h1")?.focus({ preventScroll: true });
  }

  function keydown(event) {
    if (report.typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const { settings } = report.state.read();
    const methods = [...report.settings.methods, "none"];
    if (event.key === "?") document.getElementById("keys").showModal();
    if (event.key === "/") {
      const find = document.getElementById("find");
      if (!find) return;
      event.preventDefault();
      find.closest("details").open = true;
      find.focus();
    }
    if (event.key === "m") report.state.change({ method: methods[(methods.indexOf(settings.method) + 1) % methods.length] });
    if (event.key === "o") {
      if (shown.view === "sample") {
        const none = Number(settings.opacity) === 0 && settings.opacity !== undefined && settings.opacity !== "";
        report.state.change({ opacity: none ? null : "0" });
      } else {
        report.state.change({ method: settings.method === "none" ? report.settings.methods[0] : "none" });
      }
    }
  }

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

  function paint(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    // DataTables looks for this class.
    document.documentElement.classList.toggle("dark", isDark());
  }

  // Some browsers keep nothing for pages that are opened from files.
  const kept = { get: () => null, set: () => {} };
  try {
    localStorage.getItem("theme");
    kept.get = () => localStorage.getItem("theme");
    kept.set = (value) => localStorage.setItem("theme", value);
  } catch {
    // The choice then lasts as long as the page.
  }
  paint(kept.get());
  document.getElementById("theme").addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    paint(chosen);
    kept.set(chosen);
  });
  system.addEventListener("change", () => paint());
  document.getElementById("help").addEventListener("click", () => document.getElementById("keys").showModal());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  document.getElementById("no-scripts").remove();
  document.addEventListener("keydown", keydown);
  addEventListener("hashchange", () => report.track(route()).catch(report.fail));
  report.track(route()).catch(report.fail);
})();

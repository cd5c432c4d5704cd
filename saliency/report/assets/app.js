"use strict";

// From the address to a view; keys and colours that hold everywhere.
(() => {
  const main = document.getElementById("main");
  const navigation = document.getElementById("navigation");
  const holder = document.getElementById("view");
  const keys = document.getElementById("keys");
  let shown = { view: null, item: null, page: null };
  let order = 0;
  const scrolled = new Map();
  let address = location.hash;

  function tell(kind, text, ...more) {
    const notice = report.element(
      "div",
      { class: `banner ${kind}`, role: "alert" },
      report.element("p", {}, text),
      more,
    );
    (shown.view?.element ?? holder).prepend(notice);
  }

  function forget() {
    for (const notice of main.querySelectorAll(".banner[role=alert]")) notice.remove();
  }

  report.fail = (error) => {
    forget();
    tell("bad", error.message, report.element("button", { type: "button", onclick: go }, "Try again"));
  };

  const go = () => report.track(route());

  const links = report.views.navigation().map((view) => [view, report.element("a", {}, view.title)]);
  navigation.replaceChildren(...links.map(([, link]) => link));

  function mark(shownView, settings) {
    for (const [view, link] of links) {
      link.href = report.state.link(view.route, null, report.state.keep(settings));
      if (view.route === (shownView.under ?? shownView.route)) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  // The part of the document that a view fills; the others are hidden.
  function place(view) {
    for (const { element } of report.views.navigation()) if (element) element.hidden = element !== view.element;
    holder.hidden = Boolean(view.element);
    const own = view.element ?? report.element("div", { class: `page-${view.route}` });
    holder.replaceChildren(...(view.element ? [] : [own]));
    return own;
  }

  async function route() {
    scrolled.set(address.split("?")[0], scrollY);
    address = location.hash;
    order += 1;
    const mine = order;
    const { view: name, item, settings, unknown } = report.state.read();
    const home = report.views.get("");
    const view = report.views.get(name) ?? home;
    if (view.route !== name) unknown.unshift(report.state.missing("view", name, home.title));
    const before = shown;
    if (view !== before.view || item !== before.item) {
      before.page?.leave?.();
      shown = { view, item, page: null, element: place(view) };
      const title = view === home ? [] : [report.views.title(view, item)];
      document.title = [...title, `${report.settings.experiment}: saliency report`].join(" · ");
      scrollTo(0, view.element ? (scrolled.get(address.split("?")[0]) ?? 0) : 0);
    }
    mark(view, settings);
    forget();
    unknown.forEach((text) => tell("", text));
    try {
      const data = await view.data(settings);
      if (mine !== order) return;
      const made = !shown.page;
      shown.page ??= view.make(shown.element, { item, settings, data });
      await shown.page.update({ settings, data });
      if (mine === order && made && before.view) arrive(before);
    } catch (error) {
      if (mine === order) report.fail(error);
    }
  }

  // Where the keyboard goes on: at what the reader comes back from, or at the heading.
  function arrive({ view, item }) {
    if (view.under === shown.view.route && shown.page.returned) shown.page.returned(item);
    else if (!shown.view.element) shown.element.querySelector("h1")?.focus({ preventScroll: true });
  }

  const toggleMap = () => {
    const { method } = report.state.read().settings;
    report.state.change({ method: method === "none" ? report.methods.leading : "none" });
  };

  const nextMethod = () => {
    const methods = [...report.methods.names, "none"];
    const { method } = report.state.read().settings;
    report.state.change({ method: methods[(methods.indexOf(method) + 1) % methods.length] });
  };

  const search = (event) => {
    const find = document.getElementById("find");
    if (!find) return;
    event.preventDefault();
    find.closest("details").open = true;
    find.focus();
  };

  // A view may have keys of its own.
  const everywhere = { "?": () => keys.showModal(), "/": search, m: nextMethod, o: toggleMap };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input, select, textarea, [contenteditable]");
    if (typing || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    (shown.page?.keys?.[event.key] ?? everywhere[event.key])?.(event);
  });

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
  document.getElementById("help").addEventListener("click", () => keys.showModal());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  document.getElementById("no-scripts").remove();
  addEventListener("hashchange", go);
  go();
})();

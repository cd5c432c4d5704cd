"use strict";

// What is shown, and how: all of it stands in the address after `#`, as in #/gallery?class=3&sort=gini.
report.state = (() => {
  const defaults = {
    model: report.settings.models[0],
    target: report.settings.targets[0],
    method: "gradcam",
    colours: "viridis",
    signed: "RdBu_r",
    order: "up",
    size: "160",
  };
  // These stay when the reader goes from one page to another.
  const lasting = ["model", "target", "method", "opacity", "colours", "signed"];

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  function read(hash = location.hash) {
    const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const [view, ...rest] = path.split("/");
    const settings = { ...defaults };
    for (const part of query.split("&").filter(Boolean)) {
      const [name, value = ""] = part.split(/=(.*)/s);
      settings[decode(name)] = decode(value);
    }
    if (!report.settings.models.includes(settings.model)) settings.model = defaults.model;
    if (!report.settings.targets.includes(settings.target)) settings.target = defaults.target;
    if (settings.method !== "none" && !report.settings.methods.includes(settings.method)) settings.method = defaults.method;
    if (!Object.hasOwn(report.settings.sequential, settings.colours)) settings.colours = defaults.colours;
    if (!Object.hasOwn(report.settings.diverging, settings.signed)) settings.signed = defaults.signed;
    return { view: view || "overview", item: rest.length ? decode(rest.join("/")) : null, settings };
  }

  function link(view, item = null, settings = {}) {
    const path = view === "overview" ? "#/" : `#/${view}${item === null ? "" : `/${encodeURIComponent(item)}`}`;
    const query = Object.entries(settings)
      .filter(([name, value]) => value !== null && value !== undefined && value !== "" && value !== defaults[name])
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    return query.length ? `${path}?${query.join("&")}` : path;
  }

  function change(changes, replace = false) {
    const { view, item, settings } = read();
    const next = link(view, item, { ...settings, ...changes });
    if (next === location.hash) return;
    if (replace) {
      history.replaceState(null, "", next);
      window.dispatchEvent(new Event("hashchange"));
    } else {
      location.hash = next;
    }
  }

  function keep(settings) {
    return Object.fromEntries(lasting.filter((name) => name in settings).map((name) => [name, settings[name]]));
  }

  return { read, link, change, keep };
})();

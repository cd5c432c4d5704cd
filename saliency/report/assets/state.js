"use strict";

// What is shown, and how: all of it stands in the address after `#`, as in #/gallery?class=3&sort=gini.
report.state = (() => {
  const defaults = {
    model: report.settings.models[0],
    target: report.settings.targets[0],
    method: report.methods.leading,
    colours: "viridis",
    signed: "RdBu_r",
    order: "up",
    size: "160",
  };
  // These stay when the reader goes from one view to another.
  const lasting = ["model", "target", "method", "opacity", "colours", "signed"];
  const choices = {
    model: report.settings.models,
    target: report.settings.targets,
    method: [...report.methods.names, "none"],
    colours: Object.keys(report.settings.sequential),
    signed: Object.keys(report.settings.diverging),
  };
  const words = { target: "explained class", signed: "colours" };

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // Filters of the manifest's columns may have several values, of which a sample has to have one.
  const isColumn = (name) => name.startsWith("col.");

  // `unknown` says, in sentences, which choices of the address do not exist.
  function read(hash = location.hash) {
    const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const [view, ...rest] = path.split("/");
    const settings = { ...defaults };
    for (const part of query.split("&").filter(Boolean)) {
      const [name, value = ""] = part.split(/=(.*)/s).map(decode);
      settings[name] = isColumn(name) ? [...(settings[name] ?? []), value] : value;
    }
    const unknown = [];
    for (const [name, known] of Object.entries(choices)) {
      if (known.includes(settings[name])) continue;
      unknown.push(
        `The address names the ${words[name] ?? name} “${settings[name]}”, which this report does not have. The report shows “${defaults[name]}” instead.`,
      );
      settings[name] = defaults[name];
    }
    return { view, item: rest.length ? decode(rest.join("/")) : null, settings, unknown };
  }

  function link(view, item = null, settings = {}) {
    const path = `#/${view}${item === null ? "" : `/${encodeURIComponent(item)}`}`;
    const given = ([name, value]) => value !== null && value !== undefined && value !== "" && value !== defaults[name];
    const query = Object.entries(settings)
      .filter(given)
      .flatMap(([name, value]) =>
        [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
      );
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

  return { read, link, change, keep, isColumn };
})();

"use strict";

// What is shown, and how: all of it stands in the address after `#`, as in #/gallery?class=3&sort=gini.
report.state = (() => {
  const defaults = {
    model: report.settings.models[0],
    target: report.settings.targets[0],
    method: report.methods.leading,
    colours: "viridis",
    signed: "RdBu_r",
    overlay: "blend",
    mask: "outline",
    order: "up",
    size: "160",
  };
  // These stay when the reader goes from one view to another.
  const lasting = ["model", "target", "method", "opacity", "overlay", "at", "mask", "colours", "signed"];
  // What an address may choose from: pairs of a value and its title.
  const same = (names) => names.map((name) => [name, name]);
  const { names: methods, title } = report.methods;
  const choices = {
    model: same(report.settings.models),
    target: same(report.settings.targets),
    method: [...methods.map((name) => [name, title(name)]), ["none", "None"]],
    colours: Object.entries(report.settings.sequential),
    signed: Object.entries(report.settings.diverging),
    overlay: [
      ["blend", "blended"],
      ["contour", "as a contour"],
      ["swipe", "swiped"],
    ],
    mask: [
      ["outline", "outlined in cyan"],
      ["hidden", "hidden"],
    ],
  };
  const words = {
    model: "model",
    target: "explained class",
    method: "map",
    colours: "colours",
    signed: "colours",
    mask: "way to show the mask",
    overlay: "way to lay the map over the picture",
  };

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // Filters of the manifest's columns may have several values, of which a sample has to have one.
  const isColumn = (name) => name.startsWith("col.");

  const missing = (what, wanted, shown) =>
    `The address names the ${what} “${wanted}”, which this report does not have. The report shows “${shown}” instead.`;

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
      const titles = new Map(known);
      if (titles.has(settings[name])) continue;
      unknown.push(missing(words[name], settings[name], titles.get(defaults[name])));
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

  // Percent of the pixels inside a contour, or of the width that a swipe uncovers.
  function share({ overlay, at }) {
    const given = at === undefined || at === "" ? NaN : Number(at);
    return Number.isFinite(given) ? Math.min(100, Math.max(1, given)) : overlay === "contour" ? 10 : 50;
  }

  return { read, link, change, keep, share, missing, choices, isColumn };
})();

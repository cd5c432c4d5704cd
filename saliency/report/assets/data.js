"use strict";

// What the page is about, and the data files beside it: scripts that call `report.add`, loaded when something asks for
// them, because a browser that opens a file may not fetch others.
const report = (() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const inserted = new Map();
  const added = new Map();
  const loaded = new Map();

  function insert(path) {
    if (!inserted.has(path)) {
      inserted.set(
        path,
        new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.onload = () => {
            script.remove();
            resolve();
          };
          script.onerror = () => reject(new Error(`${path} cannot be read: was the whole folder copied?`));
          script.src = path;
          document.head.append(script);
        }),
      );
    }
    return inserted.get(path);
  }

  function add(name, content) {
    added.set(name, content);
  }

  function load(name) {
    if (!loaded.has(name)) {
      const path = `data/${name.split("/").map(encodeURIComponent).join("/")}.js`;
      loaded.set(
        name,
        insert(path).then(() => {
          const content = added.get(name);
          added.delete(name);
          return content;
        }),
      );
    }
    return loaded.get(name);
  }

  // Says, to assistive technology as well, whether something is still being read or drawn.
  let pending = 0;
  function track(work) {
    const main = document.getElementById("main");
    pending += 1;
    main.setAttribute("aria-busy", "true");
    const done = () => {
      pending -= 1;
      if (!pending) main.setAttribute("aria-busy", "false");
    };
    work.then(done, done);
    return work;
  }

  return { settings, insert, add, load, track };
})();

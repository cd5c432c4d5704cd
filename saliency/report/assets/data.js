"use strict";

// What the page is about, and the files beside it. Data files are scripts that call `report.add`, because a browser that
// opens a file may not fetch others. They are loaded when something asks for them.
const report = (() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const inserted = new Map();
  const added = new Map();
  const loaded = new Map();

  // What was made for a key; what failed is forgotten, so that the next one who asks tries again.
  function remember(kept, key, make) {
    if (!kept.has(key)) {
      const made = make();
      kept.set(key, made);
      made.catch(() => {
        if (kept.get(key) === made) kept.delete(key);
      });
    }
    return kept.get(key);
  }

  // Load a script or a style sheet.
  function insert(path) {
    return remember(
      inserted,
      path,
      () =>
        new Promise((resolve, reject) => {
          const style = path.endsWith(".css");
          const node = document.createElement(style ? "link" : "script");
          node.onload = () => {
            if (!style) node.remove();
            resolve();
          };
          node.onerror = () => {
            node.remove();
            reject(new Error(`${path} cannot be read: copy the whole folder of the report, then try again.`));
          };
          if (style) Object.assign(node, { rel: "stylesheet", href: path });
          else node.src = path;
          document.head.append(node);
        }),
    );
  }

  function add(name, content) {
    added.set(name, content);
  }

  // Content of a data file by its name, such as "samples".
  function load(name) {
    return remember(loaded, name, async () => {
      const path = `data/${name.split("/").map(encodeURIComponent).join("/")}.js`;
      await insert(path);
      if (!added.has(name)) {
        // The script ran, so that it has to be inserted once more.
        inserted.delete(path);
        throw new Error(`${path} is damaged: copy the whole folder of the report again, then try again.`);
      }
      const content = added.get(name);
      added.delete(name);
      return content;
    });
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

  // Hand a file to the reader.
  function save(blob, name) {
    const link = document.createElement("a");
    Object.assign(link, { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // Numbers as NumPy reads them: its format 1.0, float32, the last axis fastest.
  function npy(values, shape) {
    const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
    const length = Math.ceil((dictionary.length + 11) / 64) * 64 - 10;
    const header = `${dictionary.padEnd(length - 1)}\n`;
    const magic = Uint8Array.of(
      0x93,
      ...[..."NUMPY"].map((letter) => letter.charCodeAt(0)),
      1,
      0,
      length % 256,
      Math.floor(length / 256),
    );
    return new Blob([magic, header, Float32Array.from(values)], { type: "application/octet-stream" });
  }

  return { settings, save, npy, remember, insert, add, load, track };
})();

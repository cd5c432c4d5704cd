"use strict";

// The methods whose maps the report has, as the package describes them.
report.methods = (() => {
  const { methods: names, leading, kinds } = report.settings;

  // Of a method: its `title`, whether its maps are `signed`, and whether they are laid `over` the picture.
  function of(name) {
    if (!Object.hasOwn(kinds, name)) {
      throw new Error(`This report has no method “${name}”: it has ${names.join(", ")}.`);
    }
    return kinds[name];
  }

  return { names, leading, of, title: (name) => of(name).title };
})();

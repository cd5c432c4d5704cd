"use strict";

// The views of the report. Each is one file in views/, which registers one object with
//   route       the first part of the address: "gallery" for #/gallery, "" for #/
//   title       its name, or a function of the address's second part (of #/class/3 the "3")
//   navigation  its place among the links at the top, smallest first; a view without one is reached from the view
//   under       with this route, whose link is then marked
//   element     the part of the document that it fills; a view without one gets a new one
//   data        settings => promise of what it shows; awaited before the view is made and before each update
//   make        (element, { item, settings, data }) => page, which has
//                 update({ settings, data })  draws what the address says
//                 keys       what a key does here, by its name
//                 returned   called with the item of the view that the reader comes back from
//                 leave      called before another view is shown
report.views = (() => {
  const registered = new Map();

  function register(view) {
    if (registered.has(view.route)) throw new Error(`The route “${view.route}” is taken already: choose another.`);
    registered.set(view.route, view);
  }

  const get = (route) => registered.get(route);
  const navigation = () =>
    [...registered.values()]
      .filter((view) => view.navigation !== undefined)
      .sort((a, b) => a.navigation - b.navigation);
  const title = (view, item) => (typeof view.title === "function" ? view.title(item) : view.title);

  return { register, get, navigation, title };
})();

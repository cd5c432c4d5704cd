"use strict";

// What DataTables asks for: the rows that a search leaves, in an order, from one place on. `columns` have `value`, by row.
report.rows = (rows, columns) => {
  const collator = new Intl.Collator("en");
  let texts = null; // of each row, all that can be searched for

  function searched(wanted) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return rows;
    texts ??= rows.map((row) =>
      columns
        .map(({ value }) => value(row) ?? "")
        .join("\n")
        .toLowerCase(),
    );
    return rows.filter((_, at) => words.every((word) => texts[at].includes(word)));
  }

  // What is missing comes first.
  function compare(a, b) {
    if (a === b) return 0;
    if (a === null || b === null) return a === null ? -1 : 1;
    return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
  }

  function sorted(found, order) {
    if (!order.length) return found;
    const keys = order.map(({ column, dir }) => ({ sign: dir === "desc" ? -1 : 1, ...columns[column] }));
    const ranked = found.map((row) => ({ row, values: keys.map(({ value }) => value(row)) }));
    ranked.sort((a, b) => {
      for (let at = 0; at < keys.length; at += 1) {
        const found = keys[at].sign * compare(a.values[at], b.values[at]);
        if (found) return found;
      }
      return 0;
    });
    return ranked.map(({ row }) => row);
  }

  return ({ start, length, search, order }) => {
    const found = searched(search.value);
    return {
      recordsTotal: rows.length,
      recordsFiltered: found.length,
      data: sorted(found, order).slice(start, start + length),
    };
  };
};

"use strict";

// Buttons that copy a text, and what they say afterwards: pairs of a button's words and of what makes its text.
report.copying = (texts) => {
  const { element } = report;
  const said = element("span", { class: "note", role: "status" });

  // Pages that were opened from files may not use the clipboard of every browser.
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied.";
    } catch {
      said.textContent = text;
    }
  }

  const buttons = texts.map(([words, text]) =>
    element("button", { type: "button", onclick: () => copy(text()) }, words),
  );
  return [said, ...buttons];
};

// How a sample is cited: not by the page's address, which others may not have.
report.citation = (item, { model }) => {
  const { citation, experiment } = report.settings;
  return (
    `Saliency maps of sample “${item}”, experiment “${experiment}”, model “${model}”. ` +
    `Made with ${citation.software}; SHA-256 of the results: ${citation.digest}.`
  );
};

"use strict";

// Columns of numbers as Base64 of their bytes. One number is read without the others: of so many samples as a list, reading
// all of them takes longer than drawing.
report.packed = (() => {
  // Three bytes are four letters: three numbers of four bytes begin with a letter of their own.
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

  // Five digits, as far as numbers are told; what is missing is null.
  function told(value) {
    if (Number.isNaN(value)) return null;
    return Number.isInteger(value) ? value : Number(value.toPrecision(5));
  }

  // All numbers of a column of float32.
  const floats = (text, count) => Array.from(new Float32Array(bytes(text)).subarray(0, count), told);

  // The one of a row.
  function float(text, row) {
    const group = 16 * Math.floor(row / 3);
    return told(new Float32Array(bytes(text.slice(group, group + 16)))[row % 3]);
  }

  // A row of a table of whole numbers of one or four bytes; a row fills whole groups.
  function whole(text, row, columns, Kind) {
    const length = (4 / 3) * columns * Kind.BYTES_PER_ELEMENT;
    return [...new Kind(bytes(text.slice(row * length, (row + 1) * length)))];
  }

  return { floats, float, whole };
})();

"use strict";

// Lines along the edge of what lies inside of something, and those of the masks that say where the object is.
report.outlines = (() => {
  const MASK = [0, 229, 255, 255];

  // The picture with a line on the outermost pixels that are inside.
  function along(picture, inside, colour) {
    const { width, height } = picture;
    const image = new ImageData(new Uint8ClampedArray(picture.data), width, height);
    const outside = (x, y) => x < 0 || y < 0 || x >= width || y >= height || !inside(x, y);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (outside(x, y)) continue;
        if (outside(x - 1, y) || outside(x + 1, y) || outside(x, y - 1) || outside(x, y + 1)) {
          image.data.set(colour, 4 * (y * width + x));
        }
      }
    }
    return image;
  }

  const wanted = ({ mask }) => report.settings.masks && mask === "outline";

  const draw = (picture, mask) => along(picture, (x, y) => mask.data[4 * (y * mask.width + x)] > 127, MASK);

  return { along, wanted, draw };
})();

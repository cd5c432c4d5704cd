"use strict";

// Pictures of samples: tiles out of sprites, coloured here. Sprites are text within scripts, so that a page that is opened
// from a file may read their pixels.
report.pictures = (() => {
  const sheets = new Map();
  const MOST_SHEETS = 64;

  async function decode(text) {
    const image = new Image();
    image.src = `data:image/webp;base64,${text}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context;
  }

  function sheet(key, text) {
    const found = report.remember(sheets, key, () => decode(text));
    // The sheets that were used last stay.
    sheets.delete(key);
    sheets.set(key, found);
    if (sheets.size > MOST_SHEETS) sheets.delete(sheets.keys().next().value);
    return found;
  }

  // Tile of a row: its pixels, the values of its first and last level, and of volumes the axial slice it is; or null.
  async function tile(model, layer, row) {
    const shard = Math.floor(row / report.settings.shard_size);
    const at = row % report.settings.shard_size;
    const file = await report.load(`${model}/${layer}/${shard}`);
    if (!file.ranges[at]) return null;
    const [height, width] = file.size;
    const number = Math.floor(at / (file.rows * file.columns));
    const inside = at % (file.rows * file.columns);
    const context = await sheet(`${model}/${layer}/${shard}/${number}`, file.sheets[number]);
    const left = (inside % file.columns) * width;
    const top = Math.floor(inside / file.columns) * height;
    return { image: context.getImageData(left, top, width, height), range: file.ranges[at], level: file.levels?.[at] };
  }

  // Whole volume of a row, one level per voxel, x slowest.
  async function volume(model, layer, row) {
    const shard = Math.floor(row / report.settings.shard_size);
    const at = row % report.settings.shard_size;
    const file = await report.load(`${model}/volumes/${layer}/${shard}`);
    if (!file.ranges[at]) return null;
    const [width, height, depth] = file.shape;
    const context = await decode(file.mosaics[at]);
    const levels = new Uint8Array(width * height * depth);
    for (let z = 0; z < depth; z += 1) {
      const left = (z % file.columns) * width;
      const top = Math.floor(z / file.columns) * height;
      const { data } = context.getImageData(left, top, width, height);
      for (let x = 0; x < width; x += 1) {
        for (let y = 0; y < height; y += 1) {
          levels[(x * height + y) * depth + z] = data[4 * ((height - 1 - y) * width + x)];
        }
      }
    }
    const sides = !file.guessed?.includes(at);
    return { shape: file.shape, levels, range: file.ranges[at], spacing: file.spacing?.[at] ?? null, sides };
  }

  // Slice of a volume as a picture: left is left, front and top are at the top.
  function slice({ shape, levels }, axis, index) {
    const [across, upward] = [
      [1, 2],
      [0, 2],
      [0, 1],
    ][axis];
    const strides = [shape[1] * shape[2], shape[2], 1];
    const [width, height] = [shape[across], shape[upward]];
    const image = new ImageData(width, height);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const level = levels[index * strides[axis] + column * strides[across] + (height - 1 - row) * strides[upward]];
        image.data.set([level, level, level, 255], 4 * (row * width + column));
      }
    }
    return image;
  }

  // Colour a map and lay it over a picture, if there is one: `opacity` in percent.
  function compose(picture, map, colours, opacity) {
    const share = picture ? opacity / 100 : 1;
    const image = new ImageData(map.width, map.height);
    for (let at = 0; at < image.data.length; at += 4) {
      const level = 3 * map.data[at];
      for (let channel = 0; channel < 3; channel += 1) {
        const under = picture ? picture.data[at + channel] : 0;
        image.data[at + channel] = under + share * (colours[level + channel] - under);
      }
      image.data[at + 3] = 255;
    }
    return image;
  }

  // Level of the map from which on so many percent of its pixels lie; of signed maps, the distance from the middle.
  function threshold(map, signed, percent) {
    const counts = new Uint32Array(256);
    for (let at = 0; at < map.data.length; at += 4) counts[strength(map.data[at], signed)] += 1;
    const wanted = (percent / 100) * (map.data.length / 4);
    let level = 255;
    for (let found = counts[255]; found < wanted && level > 1; found += counts[level]) level -= 1;
    return level;
  }

  const strength = (level, signed) => (signed ? Math.min(255, 2 * Math.abs(level - 128)) : level);

  // The picture with a line around the places of the map that count most.
  function contour(picture, map, signed, percent) {
    const least = threshold(map, signed, percent);
    const inside = (x, y) => strength(map.data[4 * (y * map.width + x)], signed) >= least;
    return report.outlines.along(picture, inside, [255, 230, 0, 255]);
  }

  // The map on the left of the line, the picture on its right.
  function swipe(picture, map, colours, opacity, percent) {
    const image = compose(picture, map, colours, opacity);
    const begin = Math.round((percent / 100) * map.width);
    for (let y = 0; y < map.height; y += 1) {
      const row = 4 * y * map.width;
      image.data.set(picture.data.subarray(row + 4 * begin, row + 4 * map.width), row + 4 * begin);
      if (begin > 0 && begin < map.width) image.data.set([255, 255, 255, 255], row + 4 * begin);
    }
    return image;
  }

  // A map over a picture, in the way that the settings choose.
  function overlay(picture, map, method, settings) {
    const { of, opacity } = report.colours;
    const at = report.state.share(settings);
    if (picture && settings.overlay === "contour") return contour(picture, map, report.methods.of(method).signed, at);
    if (picture && settings.overlay === "swipe")
      return swipe(picture, map, of(method, settings), opacity(method, settings), at);
    return compose(picture, map, of(method, settings), opacity(method, settings));
  }

  function put(canvas, image) {
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    // Small pictures are shown as the pixels that they are.
    canvas.classList.toggle("pixels", Math.max(image.width, image.height) <= 64);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // Draw a sample's tile. A canvas that was given another picture meanwhile keeps that one.
  async function draw(canvas, row, method, settings, target = settings.target) {
    const order = (canvas.order ?? 0) + 1;
    canvas.order = order;
    const [picture, map, mask] = await Promise.all([
      tile(settings.model, "inputs", row),
      method === "none" ? null : tile(settings.model, `${target}/${method}`, row),
      // Of a volume, the mask of the whole is drawn with its slices.
      report.outlines.wanted(settings) && report.settings.ndim === 2 ? tile(settings.model, "mask", row) : null,
    ]);
    if (canvas.order !== order) return null;
    canvas.parentElement?.classList.toggle("blank", !picture && !map);
    canvas.parentElement?.classList.toggle("no-map", Boolean(picture) && !map && method !== "none");
    if (!picture && !map) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      return null;
    }
    const drawn = map ? overlay(picture?.image, map.image, method, settings) : picture.image;
    put(canvas, mask ? report.outlines.draw(drawn, mask.image) : drawn);
    canvas.dataset.drawn = `${row}/${target}/${method}`;
    return map ?? picture;
  }

  // Draw when it can be done; a problem is told on the page.
  function show(...choice) {
    report.track(draw(...choice)).catch(report.fail);
  }

  // Draw a mean map, in which all values are small levels.
  function drawMean(canvas, map, settings) {
    const levels = Uint8Array.from(atob(map.levels), (letter) => letter.charCodeAt(0));
    let image;
    if (map.shape.length === 3) {
      image = slice({ shape: map.shape, levels }, 2, peak(levels) % map.shape[2]);
    } else {
      image = new ImageData(map.shape[1], map.shape[0]);
      levels.forEach((level, at) => image.data.set([level, level, level, 255], 4 * at));
    }
    put(canvas, compose(null, image, report.colours.table(settings.colours), 100));
    canvas.classList.remove("pixels");
  }

  function peak(levels) {
    return levels.reduce((best, level, at) => (level > levels[best] ? at : best), 0);
  }

  // Outline of a finding's place, over a picture of `canvas`'s parent.
  function place(finding) {
    if (!finding?.begin) return null;
    const { begin, end } = finding;
    const mark = report.element("span", { class: "place", "aria-hidden": "true" });
    // Rows run down; of volumes, y and z run up.
    const [across, down, up] = begin.length === 2 ? [1, 0, false] : [0, 1, true];
    mark.style.left = `${100 * begin[across]}%`;
    mark.style.width = `${100 * (end[across] - begin[across])}%`;
    mark.style.top = `${100 * (up ? 1 - end[down] : begin[down])}%`;
    mark.style.height = `${100 * (end[down] - begin[down])}%`;
    return mark;
  }

  // A mean map in a frame, with the place of a finding.
  function mean(map, settings, label, finding) {
    if (!map) return report.element("span", { class: "frame blank" });
    const canvas = report.element("canvas", { role: "img", "aria-label": label });
    const [high, across] = map.shape.length === 3 ? [map.shape[1], map.shape[0]] : map.shape;
    const frame = report.element("span", { class: "frame" }, canvas);
    frame.style.aspectRatio = `${across} / ${high}`;
    drawMean(canvas, map, settings);
    const mark = place(finding);
    if (mark) frame.append(mark);
    return frame;
  }

  return { tile, volume, slice, overlay, put, draw, show, mean, peak, place };
})();

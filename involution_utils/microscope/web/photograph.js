"use strict";
// What the two pages with a photograph share: a gray picture with a window on it.

const PHOTO = pixelsOf(DATA.photograph);
const COLUMNS = DATA.columns, ROWS = PHOTO.length / COLUMNS;

/** The pixel at a row and column; beyond the rim, the one at the rim. */
const pixelAt = (row, column) => PHOTO[Math.min(ROWS - 1, Math.max(0, row)) * COLUMNS + Math.min(COLUMNS - 1, Math.max(0, column))];

/** The photograph with `half` pixels more on every side, so that every window is full. */
function widened(half) {
  const shape = [ROWS + 2 * half, COLUMNS + 2 * half, 1];
  return { shape, data: Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => pixelAt(Math.floor(i / shape[1]) - half, (i % shape[1]) - half)) };
}

/** Apply kernels of `size` x `size` to the photograph: one for all positions, or one for each. */
function applied(kernels, size, perPositionKernel) {
  const node = { size: [size, size], strides: [1, 1], dilation: [1, 1], before: [0, 0], shape: [ROWS, COLUMNS, 1], groups: 1 };
  return applyKernels(node, widened((size - 1) / 2), kernels, perPositionKernel);
}

/** Paint a gray picture with a frame of `size` x `size` pixels around [row, column] on it. */
function paintFramed(stage, values, [row, column], size) {
  if (!stage.firstChild) stage.append(build("canvas", { "aria-hidden": "true" }), build("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: `0 0 ${COLUMNS} ${ROWS}` }));
  if (values) paintPixels(stage.firstChild, values, COLUMNS, 1);
  const half = (size - 1) / 2, rect = (kind) => build("rect", { class: kind, x: column - half, y: row - half, width: size, height: size });
  stage.lastChild.replaceChildren(rect("halo"), rect("window"));
}

/** What the window around [row, column] sees. */
function windowOf([row, column], size) {
  const half = (size - 1) / 2;
  return Array.from({ length: size * size }, (_, tap) => pixelAt(row - half + Math.floor(tap / size), column - half + (tap % size)));
}

const gray = (value) => [0, 1, 2].map(() => Math.round(255 * Math.min(1, Math.max(0, value))));
const weighted = (window, kernel) => window.reduce((sum, value, i) => sum + value * kernel[i], 0);
const around = { point: DATA.point, rest: DATA.point };

/** Let hand and keys move the window over `stages`, and call `update` when they do. */
function followWindow(stages, update) {
  const put = (point, held) => {
    around.point = point ?? around.rest;
    if (held) around.rest = around.point;
    update();
  };
  for (const stage of stages) {
    followHand(stage, put);
    if (stage.tabIndex === 0) followKeys(stage, () => [ROWS, COLUMNS], () => around.point, put);
  }
}

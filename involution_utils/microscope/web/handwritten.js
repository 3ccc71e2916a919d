"use strict";
// A kernel generator written by hand: above a threshold of brightness, or of another measure, a blur, below it the identity.

const SIZE = 7, TAPS = SIZE * SIZE;
const MEASURE = pixelsOf(DATA.measure); // what the rule looks at
const [HIGH, LOW] = DATA.byItself ? ["it is bright", "it is dark"] : [`${DATA.measureName} is above the threshold`, "it is not"];
const identity = Float32Array.from({ length: TAPS }, (_, tap) => (tap === (TAPS - 1) / 2 ? 1 : 0));
let threshold = DATA.threshold, width = DATA.width, ruled = null, blurred = null;

/** A Gaussian of standard deviation `width` pixels; its weights add up to one. */
function blur() {
  if (width === 0) return identity;
  const half = (SIZE - 1) / 2;
  const weights = identity.map((_, tap) => Math.exp(-((Math.floor(tap / SIZE) - half) ** 2 + ((tap % SIZE) - half) ** 2) / (2 * width ** 2)));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** The rule: the kernel of a position, from the measure of its pixel alone. */
const generate = (measure) => (measure > threshold ? blur() : identity);

function compute() {
  const kernels = new Float32Array(ROWS * COLUMNS * TAPS), [above, below] = [blur(), identity];
  MEASURE.forEach((measure, position) => kernels.set(measure > threshold ? above : below, position * TAPS));
  ruled = applied(kernels, SIZE, true);
  blurred = applied(above, SIZE, false);
}

/** How much neighbors differ, where `chosen` says so: grain on a lawn, detail on a coat. */
function detail(values, chosen) {
  let sum = 0, count = 0;
  for (let i = 0; i + 1 < values.length; i++) {
    if ((i + 1) % COLUMNS === 0 || !chosen(MEASURE[i]) || !chosen(MEASURE[i + 1])) continue;
    sum += (values[i] - values[i + 1]) ** 2;
    count++;
  }
  return count ? Math.sqrt(sum / count) : 0;
}

function update(again = false) {
  if (again) compute();
  const position = positionIn([ROWS, COLUMNS], around.point), measure = MEASURE[position[0] * COLUMNS + position[1]];
  const kernel = generate(measure), window = windowOf(position, SIZE), sum = weighted(window, kernel);
  [["photo", PHOTO], ["ruled", ruled], ["blurred", blurred]].forEach(([id, values]) => paintFramed(byId(id), again ? values : null, position, SIZE));
  if (again) {
    const below = (value) => value <= threshold, above = (value) => value > threshold, share = MEASURE.filter(above).length / MEASURE.length;
    const kept = (values, chosen) => percent(detail(values, chosen) / (detail(PHOTO, chosen) || 1));
    byId("threshold-value").textContent = short(threshold);
    byId("width-value").textContent = `${short(width)} pixels`;
    for (const [id, values, name] of [["ruled", ruled, "The rule"], ["blurred", blurred, "One blur for all"]]) {
      const text = `Contrast between neighbors that is left: ${kept(values, above)} where ${HIGH}, ${kept(values, below)} where ${LOW}.`;
      byId(`${id}-about`).textContent = text;
      byId(id).setAttribute("aria-label", `${name}. ${text}`);
    }
    say(`Threshold ${short(threshold)}: ${percent(share)} of the positions are blurred. ${byId("ruled-about").textContent}`);
  }
  fillGrid(byId("window-grid"), window, SIZE, 1, { label: "Window", color: gray });
  fillGrid(byId("kernel-grid"), kernel, SIZE, greatest(kernel), { label: "Kernel" });
  byId("total").replaceChildren("sum = ", build("strong", {}, short(sum)));
  byId("rule").textContent = `The middle pixel's ${DATA.measureName}, ${short(measure)}, is ${measure > threshold ? `above ${short(threshold)}: the rule makes a blur.` : `not above ${short(threshold)}: the rule makes the identity.`}`;
  byId("place").textContent = `Row ${position[0] + 1}, column ${position[1] + 1}. Drag, or use the arrow keys.`;
  if (!again) say(`Row ${position[0] + 1}, column ${position[1] + 1}. ${byId("rule").textContent} The output is ${short(sum)}.`);
}

byId("threshold-name").textContent = `Threshold of ${DATA.measureName}`;
for (const [id, set] of [["threshold", (value) => { threshold = value; }], ["width", (value) => { width = value; }]]) {
  byId(id).value = DATA[id];
  byId(id).addEventListener("input", ({ target }) => { set(Number(target.value)); update(true); });
}
followWindow([byId("photo"), byId("ruled"), byId("blurred")], () => update());
settle(() => update(true));

"use strict";
// A kernel generator written by hand: above a threshold of brightness a blur, below it the identity.

const SIZE = 7, TAPS = SIZE * SIZE;
const identity = Float32Array.from({ length: TAPS }, (_, tap) => (tap === (TAPS - 1) / 2 ? 1 : 0));
let threshold = DATA.threshold, strength = DATA.strength, ruled = null, blurred = null;

/** A Gaussian of standard deviation `strength` pixels; its weights add up to one. */
function blur() {
  if (strength === 0) return identity;
  const half = (SIZE - 1) / 2;
  const weights = identity.map((_, tap) => Math.exp(-((Math.floor(tap / SIZE) - half) ** 2 + ((tap % SIZE) - half) ** 2) / (2 * strength ** 2)));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** The rule: the kernel of a position, from the brightness of its pixel alone. */
const generate = (brightness) => (brightness > threshold ? blur() : identity);

function compute() {
  const kernels = new Float32Array(ROWS * COLUMNS * TAPS), [bright, dark] = [blur(), identity];
  PHOTO.forEach((brightness, position) => kernels.set(brightness > threshold ? bright : dark, position * TAPS));
  ruled = applied(kernels, SIZE, true);
  blurred = applied(bright, SIZE, false);
}

/** How much neighbors differ, where `chosen` says so: grain on a lawn, detail on a coat. */
function detail(values, chosen) {
  let sum = 0, count = 0;
  for (let i = 0; i + 1 < values.length; i++) {
    if ((i + 1) % COLUMNS === 0 || !chosen(PHOTO[i]) || !chosen(PHOTO[i + 1])) continue;
    sum += (values[i] - values[i + 1]) ** 2;
    count++;
  }
  return count ? Math.sqrt(sum / count) : 0;
}

function update(again = false) {
  if (again) compute();
  const position = positionIn([ROWS, COLUMNS], around.point), brightness = PHOTO[position[0] * COLUMNS + position[1]];
  const kernel = generate(brightness), window = windowOf(position, SIZE), sum = weighted(window, kernel);
  [["photo", PHOTO], ["ruled", ruled], ["blurred", blurred]].forEach(([id, values]) => paintFramed(byId(id), again ? values : null, position, SIZE));
  if (again) {
    const share = PHOTO.filter((value) => value > threshold).length / PHOTO.length, dark = (value) => value <= threshold, bright = (value) => value > threshold;
    const kept = (values, chosen) => percent(detail(values, chosen) / (detail(PHOTO, chosen) || 1));
    byId("threshold-value").textContent = short(threshold);
    byId("strength-value").textContent = `${short(strength)} pixels`;
    for (const [id, values, name] of [["ruled", ruled, "The rule"], ["blurred", blurred, "One blur for all"]]) {
      const text = `Contrast between neighbors that is left: ${kept(values, bright)} where it is bright, ${kept(values, dark)} where it is dark.`;
      byId(`${id}-about`).textContent = text;
      byId(id).setAttribute("aria-label", `${name}. ${text}`);
    }
    say(`Threshold ${short(threshold)}: ${percent(share)} of the positions are blurred. ${byId("ruled-about").textContent}`);
  }
  fillGrid(byId("window-grid"), window, SIZE, 1, { label: "Window", color: gray });
  fillGrid(byId("kernel-grid"), kernel, SIZE, greatest(kernel), { label: "Kernel" });
  byId("total").replaceChildren("sum = ", build("strong", {}, short(sum)));
  byId("rule").textContent = `The middle pixel's brightness, ${short(brightness)}, is ${brightness > threshold ? `above ${short(threshold)}: the rule makes a blur.` : `not above ${short(threshold)}: the rule makes the identity.`}`;
  byId("place").textContent = `Row ${position[0] + 1}, column ${position[1] + 1}. Drag, or use the arrow keys.`;
  if (!again) say(`Row ${position[0] + 1}, column ${position[1] + 1}. ${byId("rule").textContent} The output is ${short(sum)}.`);
}

for (const [id, set] of [["threshold", (value) => { threshold = value; }], ["strength", (value) => { strength = value; }]]) {
  byId(id).value = DATA[id];
  byId(id).addEventListener("input", ({ target }) => { set(Number(target.value)); update(true); });
}
followWindow([byId("photo"), byId("ruled"), byId("blurred")], () => update());
settle(() => update(true));

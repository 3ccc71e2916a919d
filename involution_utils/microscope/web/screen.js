"use strict";
// One pixel, several operators: what each of some networks does at the same pixel of the same picture.

const networks = DATA.networks.map(({ graph, ...more }) => {
  const network = makeNetwork(graph);
  return { ...network, ...more, layers: network.nodes.filter((node) => ["involution", "static", "convolution"].includes(node.op) && taps(node) > 1).slice(1) };
});
const [HEIGHT, WIDTH, CHANNELS] = networks[0].input;
const SAME = (kernels, node) => repeated(meanKernel(kernels, taps(node) * node.groups), kernels.length);
const state = { picture: 0, layer: 0, point: [0.42, 0.55], rest: [0.42, 0.55], same: false, step: 0, operator: null };
let runs = []; // per network: what it computes of the picture as trained, and with the same kernel everywhere

const nodeOf = (network) => network.layers[state.layer];
const involutions = (network) => network.layers.filter(ownKernels);

function compute() {
  const { pixels } = images[state.picture];
  runs = networks.map((network) => ({ trained: network.run(pixels), same: null }));
}

/** What a network computes now. */
function nowOf(network) {
  const run = runs[networks.indexOf(network)], own = involutions(network);
  if (!state.same || !own.length) return run.trained;
  run.same ??= network.run(images[state.picture].pixels, Object.fromEntries(own.map(({ name }) => [name, SAME])));
  return run.same;
}

/** The channel whose output varies most over the picture; and, of a convolution, the input channel with the largest weights. */
function chosenChannels(network) {
  const node = nodeOf(network), seen = runs[networks.indexOf(network)].trained, { data, shape } = seen.outputs[node.name];
  const channels = shape[2], [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  data.forEach((value, i) => { sums[i % channels] += value; squares[i % channels] += value * value; });
  const most = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
  const output = most(squares.map((square, i) => square - (sums[i] * sums[i] * channels) / data.length));
  if (node.op !== "convolution") return { group: Math.floor(output / (channels / node.groups)), channel: output, output };
  const sizes = Array.from({ length: inputOf(seen, node).shape[2] }, (_, channel) => greatest(kernelAt(seen, node, [0, 0], output, channel)));
  return { group: output, channel: most(sizes), output };
}

// ------------------------------------------------------------------------------------------------------------ drawing

const ABOUT = {
  convolution: ["one learned kernel, mixing channels", "has learned its kernels and uses the same ones at every pixel. Each output adds up the windows of all channels, each with a kernel of its own."],
  static: ["one learned kernel per channel", "has learned one kernel per channel and uses it at every pixel. It never looks at what is there."],
  pixel: ["a kernel made from this pixel", "reads the pixel, squeezes its features into a few hidden numbers, and a learned matrix turns those into a kernel for this pixel alone."],
  attention: ["a kernel from comparing neighbors", "compares the pixel with each neighbor in the window. What is alike gets a large weight; all weights are positive and add up to one."],
};
const kindOf = (node) => node.generator?.kind ?? node.op;

function makePath(network, index) {
  const grid = () => build("table", { class: "grid", role: "img" });
  const about = build("span"), parts = { hidden: grid(), none: build("span", { class: "none" }), kernel: grid(), window: grid(), sum: build("strong"), canvas: build("canvas", { role: "img" }), mark: build("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }), top: build("span"), bar: build("i"), was: build("small") };
  parts.name = build("button", { type: "button", class: "name", onclick: () => choose({ step: 0, operator: state.operator === index ? null : index }) }, build("b", {}, network.title), about);
  about.textContent = ABOUT[kindOf(nodeOf(network))][0];
  parts.row = build("section", { class: "path", "aria-label": network.title },
    parts.name, build("div", { class: "hidden-numbers", "data-step": 2 }, parts.hidden, parts.none), build("div", { "data-step": 3 }, parts.kernel),
    build("div", { class: "times", "data-step": 4 }, build("span", { class: "sign" }, "×"), parts.window, build("span", { class: "sign" }, "="), parts.sum),
    build("div", { class: "map over" }, build("div", {}, parts.canvas, parts.mark)),
    build("div", { class: "says" }, parts.top, build("div", { class: "track", "aria-hidden": "true" }, build("div", {}, parts.bar)), parts.was));
  byId("paths").append(parts.row);
  return parts;
}

function drawPath(network, parts, index) {
  const node = nodeOf(network), seen = nowOf(network), position = positionIn(node.shape, state.point), { group, channel, output } = network.chosen;
  const kernel = kernelAt(seen, node, position, group, channel), window = windowAt(seen, node, position, channel);
  const values = seen.outputs[node.name].data, cell = position[0] * node.shape[1] + position[1], total = values[cell * node.shape[2] + output];
  const made = node.generator, hidden = made ? Array.from(seen.hidden[node.name].subarray(cell * made.hidden).subarray(0, made.hidden)) : [];
  parts.hidden.hidden = !made;
  parts.none.textContent = made ? "" : "none: the kernel is fixed";
  if (made) fillGrid(parts.hidden, hidden, 4, greatest(seen.hidden[node.name]), { numbers: false, label: `${network.title}: ${hidden.length} hidden numbers, ${hidden.map(short).join(", ")}` });
  const center = kernel[Math.floor(kernel.length / 2)];
  fillGrid(parts.kernel, kernel, node.size[1], greatest(ownKernels(node) ? seen.kernels[node.name] : kernel), { numbers: false, label: `${network.title}: kernel, center ${short(center)}, sum ${short(kernel.reduce((a, b) => a + b, 0))}` });
  fillGrid(parts.window, window, node.size[1], greatest(inputOf(seen, node).data), { numbers: false, label: `${network.title}: window of feature ${channel + 1}` });
  const inputs = channelsOf(seen, node, group)[1];
  parts.sum.replaceChildren(short(total).replace(/^(−?)\./, "$10."), ...(node.op === "convolution" ? [build("small", {}, `over ${inputs} channels`)] : []));
  const map = Array.from({ length: node.shape[0] * node.shape[1] }, (_, i) => values[i * node.shape[2] + output]), most = greatest(map);
  paint(parts.canvas, map, node.shape[1], (value) => diverging(value / (most || 1)));
  parts.canvas.setAttribute("aria-label", `${network.title}: the output at all ${node.shape[0]} × ${node.shape[1]} pixels, from ${short(Math.min(...map))} to ${short(Math.max(...map))}`);
  parts.mark.setAttribute("viewBox", `0 0 ${node.shape[1]} ${node.shape[0]}`);
  parts.mark.replaceChildren(build("rect", { class: "window", x: position[1], y: position[0], width: 1, height: 1 }));
  const { label } = images[state.picture], right = best(network, seen)[0] === label;
  parts.top.textContent = answer(network, seen) + (label >= 0 ? `, ${right ? "right" : "wrong"}` : "");
  parts.bar.style.width = percent(best(network, seen)[1]).replace("< ", "").replace(" ", "");
  const { trained } = runs[index];
  parts.was.textContent = !state.same ? "" : seen === trained ? "unchanged: it was the same already" : `before: ${answer(network, trained)}`;
  parts.name.setAttribute("aria-pressed", state.operator === index);
  parts.row.classList.toggle("dim", state.operator !== null && state.operator !== index);
  return total;
}

/** The number of a network's first answer, and its share. */
function best(network, seen) {
  const shares = network.probabilities(seen.logits), top = shares.reduce((found, share, i) => (share > shares[found] ? i : found), 0);
  return [top, shares[top]];
}

function answer(network, seen) {
  const [top, share] = best(network, seen);
  return `${DATA.classNames[top]} ${percent(share).replace(/ /g, "\u00a0")}`;
}

function drawPicture() {
  const node = nodeOf(networks[0]), [row, column] = positionIn(node.shape, state.point), stage = byId("stage");
  if (!stage.firstChild) stage.append(build("canvas", { "aria-hidden": "true" }), build("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }));
  if (stage.shown !== state.picture) paintPixels(stage.firstChild, images[stage.shown = state.picture].pixels, WIDTH, CHANNELS);
  const half = [0, 1].map((axis) => (node.size[axis] - 1) / 2), step = [HEIGHT / node.shape[0], WIDTH / node.shape[1]];
  const rect = (kind, from, size) => build("rect", { class: kind, y: from[0] * step[0], x: from[1] * step[1], height: size[0] * step[0], width: size[1] * step[1] });
  const window = [[row - half[0], column - half[1]], node.size];
  stage.lastChild.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  stage.lastChild.replaceChildren(rect("halo", ...window), rect("window", ...window), rect("cell", [row, column], [1, 1]));
  const { label, name } = images[state.picture], truth = label === -1 ? "none of the ten classes, so no answer can be right" : label === null || label === undefined ? "" : `class ${DATA.classNames[label]}`;
  byId("place").textContent = `${capital(name)}${truth ? ` (${truth})` : ""}. Row ${row + 1} of ${node.shape[0]}, column ${column + 1}.`;
}

const titles = (own) => networks.filter((network) => ownKernels(nodeOf(network)) === own).map(({ title }) => title.toLowerCase()).join(" and ");
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const COUNT = capital(["one", "two", "three", "four"][networks.length - 1] ?? String(networks.length));

/** What the tour, the switch or the hand asks to be told. */
function story() {
  const [stay, follow] = [titles(false), titles(true)], { shape } = nodeOf(networks[0]);
  const hidden = (kind) => networks.map(nodeOf).find((node) => kindOf(node) === kind)?.generator.hidden;
  const steps = [
    "",
    `One pixel, the same for all networks. At this layer each of them sees the picture as ${shape[0]} × ${shape[1]} pixels, and a pixel is no longer a color but a list of features that it has computed. The frame is the 5 × 5 window around it.`,
    `${hidden("pixel") ? `Involution squeezes the pixel's features into ${hidden("pixel")} hidden numbers. ` : ""}${hidden("attention") ? `Attention makes ${hidden("attention")}, its query. ` : ""}For ${stay} there are none: the kernel was learned and does not ask what the pixel is.`,
    `${hidden("pixel") ? "Involution turns its hidden numbers into a kernel for this pixel alone. " : ""}${hidden("attention") ? "Attention compares its query with each neighbor. " : ""}Move the pixel, and the kernels of ${follow} change. Those of ${stay} stay, wherever you are.`,
    "Each weight multiplies the feature under it, and the products add up to one number: the output here. (A convolution also adds up its channels.) Doing that at every pixel gives the map on the right; after more such layers, the network guesses what the picture shows.",
  ];
  if (state.step) return steps[state.step];
  if (state.same) return `Now all pixels share one kernel, the mean of those that were made, in all layers of ${follow}. What the answers lose is what it was worth to have a kernel for each place. ${capital(stay)} never had more than one.`;
  if (state.operator !== null) return `${networks[state.operator].title} ${ABOUT[kindOf(nodeOf(networks[state.operator]))][1]}`;
  return `${COUNT} small networks, one pixel. Move over the picture and watch the kernels: those of ${stay} stay the same, those of ${follow} change at every pixel.`;
}

// ----------------------------------------------------------------------------------------------------------- the hand

function update(again = false) {
  if (again) {
    compute();
    for (const network of networks) network.chosen = chosenChannels(network);
  }
  drawPicture();
  const totals = networks.map((network, index) => drawPath(network, network.parts, index));
  for (const element of document.querySelectorAll("[data-step]")) {
    const on = Number(element.dataset.step) === state.step;
    if (element.matches("button")) element.setAttribute("aria-pressed", on);
    else element.classList.toggle("lit", on);
  }
  byId("stage").classList.toggle("lit", state.step === 1);
  byId("tour").textContent = state.step === 0 ? "Take the tour" : state.step < 4 ? `Next step (${state.step + 1} of 4)` : "End the tour";
  byId("same").checked = state.same;
  const text = story();
  if (byId("story").textContent !== text) byId("story").textContent = text;
  viewChanged();
  if (!moving) say(`${byId("place").textContent} ${networks.map(({ title }, i) => `${title}: ${short(totals[i])}`).join(". ")}.`);
}

function choose(change) {
  Object.assign(state, change);
  update("picture" in change || "layer" in change);
}

let moving = null; // the timer of the pixel that moves by itself
function move(on) {
  clearInterval(moving);
  moving = null;
  byId("play").setAttribute("aria-pressed", on);
  if (!on) return;
  let time = 0;
  moving = setInterval(() => {
    time += 0.16;
    if (!document.hidden) choose({ point: [0.5 + 0.36 * Math.sin(1.3 * time + 6), 0.5 + 0.4 * Math.sin(0.8 * time + 0.2)] });
  }, 240);
}

/** The view as its address names it, counted from 1. */
function view() {
  const at = positionIn(nodeOf(networks[0]).shape, state.rest).map((index) => index + 1);
  return { picture: state.picture + 1, layer: state.layer + 1, at, kernels: state.same ? "same" : "trained", step: state.step, operator: state.operator === null ? "all" : networks[state.operator].title };
}

/** Show what an address names; what this page does not have is left as it is. */
function showView(values) {
  const within = (name, least, most) => (values[name] >= least && values[name] <= most ? Math.floor(values[name]) : null);
  const picture = within("picture", 1, images.length), layer = within("layer", 1, networks[0].layers.length), operator = networks.findIndex(({ title }) => title === values.operator);
  if (picture) state.picture = picture - 1;
  if (layer) state.layer = layer - 1;
  if (/^\d+,\d+$/.test(values.at)) state.point = state.rest = values.at.split(",").map((value, axis) => Math.min(0.9999, Math.max(0, (value - 0.5) / nodeOf(networks[0]).shape[axis])));
  state.step = within("step", 0, 4) ?? state.step;
  state.same = values.kernels === "same";
  state.operator = operator < 0 ? null : operator;
  if (values.at) move(false); // who gives an address means one pixel
  byId("layer").value = state.layer;
  drawImages();
  if (runs.length) update(true);
}

function drawImages() {
  radios(byId("images"), "picture", images.map(({ pixels, name }, i) => {
    const canvas = build("canvas", { "aria-hidden": "true" });
    paintPixels(canvas, pixels, WIDTH, CHANNELS);
    return [i, canvas, name];
  }), state.picture, (picture) => choose({ picture }));
}

followPictures([HEIGHT, WIDTH, CHANNELS], (name, pixels) => {
  state.picture = images.push({ name, pixels }) - 1;
  drawImages();
  choose({ picture: state.picture });
});
document.documentElement.classList.toggle("framed", window.parent !== window);
byId("title").textContent = document.title;
byId("about").textContent = `Red is positive, blue negative. ${DATA.about}`;
byId("layer").append(...networks[0].layers.map((node, i) => build("option", { value: i }, `${i + 1} of ${networks[0].layers.length}`)));
byId("layer").value = state.layer;
byId("layer").addEventListener("change", ({ target }) => choose({ layer: Number(target.value) }));
byId("same").addEventListener("change", ({ target }) => choose({ same: target.checked }));
byId("play").addEventListener("click", () => move(moving === null));
const toStep = (step) => { move(false); choose({ step: step === state.step || step > 4 ? 0 : step, operator: null }); };
byId("tour").addEventListener("click", () => toStep(state.step + 1));
for (const button of document.querySelectorAll("button.step")) button.addEventListener("click", () => toStep(Number(button.dataset.step)));
document.addEventListener("keydown", (event) => {
  if (/^[1-4]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches("input, select")) toStep(Number(event.key));
});
const put = (point, held) => {
  move(false);
  choose(point === null ? { point: state.rest } : held ? { point, rest: point } : { point });
};
followHand(byId("stage"), put);
followKeys(byId("stage"), () => nodeOf(networks[0]).shape, () => state.point, put);
drawImages();
networks.forEach((network, index) => { network.parts = makePath(network, index); });
move(!matchMedia("(prefers-reduced-motion: reduce)").matches);
const viewChanged = followAddress(byId("copy"), view, showView);
settle(() => update(!runs.length));
setTimeout(() => { byId("warning").textContent = networks.map((network) => disagreement(network, network.expected)).find(Boolean) ?? ""; }); // after the first paint

"use strict";
// What the microscope reads off the network: kernels, windows, maps, and what it says with other kernels.

const network = makeNetwork(DATA.graph);
globalThis.involution = { forward: network.forward };

const [HEIGHT, WIDTH, CHANNELS] = network.input;
const layers = network.nodes.filter(({ op, size: window }) => op === "involution" || op === "static" || (op === "convolution" && window[0] * window[1] > 1));
const involutions = layers.filter(({ op }) => op === "involution");
const images = DATA.images.map((image) => ({ ...image, pixels: pixelsOf(image.values) }));
const TOLERANCE = 1e-3; // of the largest logit; float32 differs by some 1e-5 of it

const state = {
  image: 0, layer: layers.indexOf(involutions[0] ?? layers[0]), group: 0, channel: 0,
  point: [0.5, 0.5], // where the hand is: (down, across), shares of the image
  rest: [0.5, 0.5], // where it was put down; the point returns here when the pointer leaves
  pin: null, mode: "apart", change: "trained", scope: "one",
};
let before = null, now = null; // what the network computes as trained, and with changed kernels

const layer = () => layers[state.layer];
const taps = (node) => node.size[0] * node.size[1];
const inputOf = (node) => now.outputs[network.nodes[node.inputs[0]].name];
const groupsOf = (node) => (node.op === "convolution" ? node.shape[2] : node.groups);
const ownKernels = (node) => node.op === "involution";

// -------------------------------------------------------------------------------------------------- reading the layer

/** The [row, column] of the layer's output at a point of the image. */
const positionAt = (node, point) => positionIn(node.shape, point);

/** The kernel of a group at a position. A convolution's "group" is a filter, and its kernel differs by channel. */
function kernelAt(node, [row, column], group, channel) {
  const count = taps(node);
  if (node.op === "convolution") {
    const inGroup = inputOf(node).shape[2] / node.groups;
    return Array.from({ length: count }, (_, tap) => node.kernel[(tap * inGroup + (channel % inGroup)) * node.shape[2] + group]);
  }
  const first = ownKernels(node) ? (row * node.shape[1] + column) * count : 0;
  const values = ownKernels(node) ? now.kernels[node.name] : node.kernel;
  return Array.from({ length: count }, (_, tap) => values[(first + tap) * node.groups + group]);
}

/** What the window of a position sees in a channel of the layer's input; NaN outside the image. */
function windowAt(node, [row, column], channel) {
  const { data, shape } = inputOf(node), seen = Array.from({ length: taps(node) }, () => NaN);
  for (let u = 0; u < node.size[0]; u++) {
    for (let v = 0; v < node.size[1]; v++) {
      const y = row * node.strides[0] - node.before[0] + u * node.dilation[0];
      const x = column * node.strides[1] - node.before[1] + v * node.dilation[1];
      if (y >= 0 && y < shape[0] && x >= 0 && x < shape[1]) seen[u * node.size[1] + v] = data[(y * shape[1] + x) * shape[2] + channel];
    }
  }
  return seen;
}

/** The channels of the input that the chosen group's kernel is for: [first, number]. */
function channelsOf(node, group) {
  const channels = inputOf(node).shape[2];
  if (node.op === "convolution") return [Math.floor(group / (node.shape[2] / node.groups)) * (channels / node.groups), channels / node.groups];
  return [group * (channels / node.groups), channels / node.groups];
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + (Number.isNaN(value) ? 0 : value * b[i]), 0);
const gap = (a, b) => a.map((value, i) => value - b[i]);
const likeness = (a, b) => dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);

const MODES = {
  apart: ["Unlike the average", "Each cell is how far that position's kernel lies from the image's mean kernel, as a share of the mean's length."],
  sum: ["Sum of weights", "Each cell is the sum of that position's kernel: what it makes of an even surface."],
  center: ["Center weight", "Each cell is the middle weight of that position's kernel: how much of the position itself is kept."],
  like: ["Most like this one", "Red where kernels point the same way as the one here (cosine similarity 1), blue where they point the opposite way."],
  output: ["Output", "Each cell is the layer's output there, in the chosen channel."],
};

/** A map of the layer: one number per position. */
function mapOf(node, mode, group) {
  const [rows, columns] = node.shape, positions = Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns]);
  if (mode === "output") return positions.map((_, i) => now.outputs[node.name].data[i * node.shape[2] + (node.op === "convolution" ? group : state.channel)]);
  const kernels = positions.map((position) => kernelAt(node, position, group, 0)), middle = Math.floor(taps(node) / 2);
  if (mode === "sum") return kernels.map((kernel) => kernel.reduce((sum, value) => sum + value, 0));
  if (mode === "center") return kernels.map((kernel) => kernel[middle]);
  if (mode === "like") return kernels.map((kernel) => likeness(kernel, kernelAt(node, positionAt(node, state.point), group, 0)));
  const average = kernels[0].map((_, tap) => kernels.reduce((sum, kernel) => sum + kernel[tap], 0) / kernels.length);
  return kernels.map((kernel) => Math.sqrt(dot(gap(kernel, average), gap(kernel, average)) / (dot(average, average) || 1)));
}

/** What to say where the page computes other logits than Keras did for the first images; nothing where they agree. */
function disagreement() {
  for (const [i, expected] of DATA.expected.entries()) {
    const { logits } = network.run(images[i].pixels);
    const gaps = greatest(expected.map((value, k) => value - logits[k])), most = greatest(expected);
    const agree = logits.length === expected.length && logits.every(Number.isFinite) && gaps <= TOLERANCE * most;
    if (!agree) return `Do not trust this page: for “${images[i].name}” it computes other numbers than Keras, off by ${Number.isFinite(gaps) ? percent(gaps / most) : "more than can be said"}.`;
  }
  return "";
}

// ------------------------------------------------------------------------------------------------------------ what if

const CHANGES = {
  trained: ["As trained", ""],
  image: ["Mean over the image", "every position uses the mean of this image's kernels"],
  dataset: ["Mean over many images", "every position uses one fixed kernel"],
  shuffled: ["Shuffled positions", "every position uses the kernel of another one"],
};
let means = null; // kernels averaged over images, per layer

function meanKernel(kernels, length) {
  const mean = new Float32Array(length);
  kernels.forEach((value, i) => { mean[i % length] += (value * length) / kernels.length; });
  return mean;
}

function averagedOverImages() {
  const runs = images.filter((image) => !image.own).map((image) => network.run(image.pixels).kernels);
  return Object.fromEntries(involutions.map((node) => {
    const length = taps(node) * node.groups, sums = new Float32Array(length);
    for (const kernels of runs) meanKernel(kernels[node.name], length).forEach((value, i) => { sums[i] += value / runs.length; });
    return [node.name, sums];
  }));
}

/** The same order every time, from a small generator of pseudo-random numbers. */
function shuffledOrder(length) {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1, seed = 1; i > 0; i--) {
    seed = (seed * 48271) % 2147483647;
    const j = seed % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

const changed = {
  image: (kernels, node) => repeated(meanKernel(kernels, taps(node) * node.groups), kernels.length),
  dataset: (kernels, node) => repeated(means[node.name], kernels.length),
  shuffled(kernels, node) {
    const length = taps(node) * node.groups, result = new Float32Array(kernels.length);
    shuffledOrder(kernels.length / length).forEach((from, to) => result.set(kernels.subarray(from * length, (from + 1) * length), to * length));
    return result;
  },
};
const repeated = (kernel, length) => Float32Array.from({ length }, (_, i) => kernel[i % kernel.length]);

/** The layers whose kernels are changed. */
function changedLayers() {
  if (state.change === "trained") return [];
  return state.scope === "all" ? involutions : involutions.filter((node) => node === layer());
}

function compute() {
  const { pixels } = images[state.image];
  before = network.run(pixels);
  const chosen = changedLayers();
  if (state.change === "dataset") means ??= averagedOverImages();
  now = chosen.length ? network.run(pixels, Object.fromEntries(chosen.map((node) => [node.name, changed[state.change]]))) : before;
}

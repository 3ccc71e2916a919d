"use strict";
// What the microscope reads off the network: kernels, windows, maps, and what it says with other kernels.

const network = makeNetwork(DATA.graph);
globalThis.involution = { forward: network.forward };

const [HEIGHT, WIDTH, CHANNELS] = network.input;
const layers = network.nodes.filter(({ op, size: window }) => op === "involution" || op === "static" || (op === "convolution" && window[0] * window[1] > 1));
const involutions = layers.filter(({ op }) => op === "involution");

const state = {
  image: 0, layer: layers.indexOf(involutions[0] ?? layers[0]), group: 0, channel: 0,
  point: [0.5, 0.5], // where the hand is: (down, across), shares of the image
  rest: [0.5, 0.5], // where it was put down; the point returns here when the pointer leaves
  pin: null, mode: "apart", change: "trained", scope: "one",
};
let before = null, now = null; // what the network computes as trained, and with changed kernels

const layer = () => layers[state.layer];
const groupsOf = (node) => (node.op === "convolution" ? node.shape[2] : node.groups);

// -------------------------------------------------------------------------------------------------- reading the layer

/** The [row, column] of the layer's output at a point of the image. */
const positionAt = (node, point) => positionIn(node.shape, point);

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
  const kernels = positions.map((position) => kernelAt(now, node, position, group, 0)), middle = Math.floor(taps(node) / 2);
  if (mode === "sum") return kernels.map((kernel) => kernel.reduce((sum, value) => sum + value, 0));
  if (mode === "center") return kernels.map((kernel) => kernel[middle]);
  if (mode === "like") return kernels.map((kernel) => likeness(kernel, kernelAt(now, node, positionAt(node, state.point), group, 0)));
  const average = kernels[0].map((_, tap) => kernels.reduce((sum, kernel) => sum + kernel[tap], 0) / kernels.length);
  return kernels.map((kernel) => Math.sqrt(dot(gap(kernel, average), gap(kernel, average)) / (dot(average, average) || 1)));
}

/** The same, computed once; but for the likeness to the position under the hand. */
function keptMap(node, mode, group) {
  if (mode === "like") return mapOf(node, mode, group);
  now.maps ??= {};
  return now.maps[[node.name, mode, group, state.channel]] ??= mapOf(node, mode, group);
}

// ------------------------------------------------------------------------------------------------------------ what if

const CHANGES = {
  trained: ["As trained", ""],
  image: ["Mean over the image", "every position uses the mean of this image's kernels"],
  dataset: ["Mean over many images", "every position uses one fixed kernel"],
  shuffled: ["Shuffled positions", "every position uses the kernel of another one"],
};
let means = null; // kernels averaged over images, per layer

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

"use strict";
// The forward pass of a trained network, for one image.
//
// A network is a list of nodes, each a layer: the numbers of the nodes that feed it, the shape of its output and its
// weights. Arrays lie as in Keras: height, width, channels, the channel fastest.
// A position is row * columns + column; a tap, one of the K x K weights of a kernel, is numbered the same way.

/** Call visit(position, tap, pixel) for every tap of every window that falls inside the image. */
function eachTap({ size, strides, dilation, before, shape }, [height, width], visit) {
  for (let row = 0, position = 0; row < shape[0]; row++) {
    for (let column = 0; column < shape[1]; column++, position++) {
      const top = row * strides[0] - before[0], left = column * strides[1] - before[1];
      for (let u = 0, tap = 0; u < size[0]; u++) {
        const y = top + u * dilation[0];
        for (let v = 0; v < size[1]; v++, tap++) {
          const x = left + v * dilation[1];
          if (y >= 0 && y < height && x >= 0 && x < width) visit(position, tap, y * width + x);
        }
      }
    }
  }
}

/** A 1x1 convolution: every row of `rows` (one per position, `channels` numbers) times a matrix, plus a bias. */
function perPosition(rows, channels, matrix, bias) {
  const outputs = matrix.length / channels, positions = rows.length / channels;
  const result = new Float32Array(positions * outputs);
  for (let position = 0; position < positions; position++) {
    const start = position * outputs;
    if (bias) result.set(bias, start);
    for (let channel = 0; channel < channels; channel++) {
      const value = rows[position * channels + channel];
      if (value === 0) continue; // after a ReLU, about half of them
      for (let k = 0, w = channel * outputs; k < outputs; k++, w++) result[start + k] += value * matrix[w];
    }
  }
  return result;
}

function convolution(node, [x]) {
  const channels = x.shape[2], filters = node.shape[2];
  const { kernel, bias, groups } = node;
  if (node.size[0] * node.size[1] === 1 && groups === 1 && node.strides[0] * node.strides[1] === 1) {
    return perPosition(x.data, channels, kernel, bias);
  }
  const result = new Float32Array(node.shape[0] * node.shape[1] * filters);
  if (bias) for (let start = 0; start < result.length; start += filters) result.set(bias, start);
  const inGroup = channels / groups, outGroup = filters / groups;
  eachTap(node, x.shape, (position, tap, pixel) => {
    for (let channel = 0; channel < channels; channel++) {
      const value = x.data[pixel * channels + channel];
      if (value === 0) continue;
      const first = Math.floor(channel / inGroup) * outGroup;
      const w = (tap * inGroup + (channel % inGroup)) * filters + first, start = position * filters + first;
      for (let k = 0; k < outGroup; k++) result[start + k] += value * kernel[w + k];
    }
  });
  return result;
}

/** Involution: the kernel of each position and group times the window there; a group of channels shares a kernel. */
function applyKernels(node, x, kernels, perPositionKernel) {
  const channels = x.shape[2], { groups } = node, inGroup = channels / groups, taps = node.size[0] * node.size[1];
  const result = new Float32Array(node.shape[0] * node.shape[1] * channels);
  eachTap(node, x.shape, (position, tap, pixel) => {
    const k = (perPositionKernel ? position * taps + tap : tap) * groups;
    for (let group = 0, channel = 0; group < groups; group++) {
      const weight = kernels[k + group];
      for (let end = channel + inGroup; channel < end; channel++) {
        result[position * channels + channel] += weight * x.data[pixel * channels + channel];
      }
    }
  });
  return result;
}

/** What the kernels are made from: the pixel in the middle of each window; with strides, the mean of a block there. */
function middles({ shape, strides, generator }, x) {
  const [height, width, channels] = x.shape;
  const { first } = generator, moved = strides[0] * strides[1] > 1 || first[0] !== 0 || first[1] !== 0;
  if (!moved && shape[0] === height && shape[1] === width) return x.data;
  const result = new Float32Array(shape[0] * shape[1] * channels);
  const block = (position, axis) => { // the pixels of the block for the position-th row or column
    const stride = strides[axis], length = x.shape[axis], count = Math.ceil(length / stride);
    const number = Math.min(Math.max(position + first[axis], 0), count - 1);
    const start = number * stride - Math.floor((count * stride - length) / 2);
    return [Math.max(start, 0), Math.min(start + stride, length)];
  };
  for (let row = 0, position = 0; row < shape[0]; row++) {
    const [top, bottom] = block(row, 0);
    for (let column = 0; column < shape[1]; column++, position++) {
      const [left, right] = block(column, 1), pixels = (bottom - top) * (right - left);
      for (let y = top; y < bottom; y++) {
        for (let x_ = left; x_ < right; x_++) {
          for (let c = 0; c < channels; c++) {
            result[position * channels + c] += x.data[(y * width + x_) * channels + c] / pixels;
          }
        }
      }
    }
  }
  return result;
}

/** Equation 6 of the paper: kernel = span(relu(reduce(pixel))). Normalization is folded into `reduce`. */
function kernelsFromPixel(node, x) {
  const { reduce, reduceBias, span, spanBias, hidden } = node.generator;
  const inner = perPosition(middles(node, x), x.shape[2], reduce, reduceBias).map((value) => Math.max(value, 0));
  return { hidden: inner, kernels: perPosition(inner, hidden, span, spanBias) };
}

/** Local self-attention: softmax over the window of query (at the middle) times key (under each tap). */
function kernelsFromAttention(node, x) {
  const { query, key, positionBias, hidden } = node.generator, { groups } = node;
  const taps = node.size[0] * node.size[1], each = hidden / groups, channels = x.shape[2];
  const queries = perPosition(middles(node, x), channels, query), keys = perPosition(x.data, channels, key);
  const scores = new Float32Array(node.shape[0] * node.shape[1] * taps * groups).fill(-Infinity); // outside the image
  eachTap(node, x.shape, (position, tap, pixel) => {
    for (let group = 0; group < groups; group++) {
      let score = 0;
      for (let c = group * each; c < (group + 1) * each; c++) score += queries[position * hidden + c] * keys[pixel * hidden + c];
      scores[(position * taps + tap) * groups + group] =
        score / Math.sqrt(each) + (positionBias ? positionBias[tap * groups + group] : 0);
    }
  });
  for (let start = 0; start < scores.length; start += taps * groups) {
    for (let group = 0; group < groups; group++) softmax(scores, start + group, taps, groups);
  }
  return { hidden: queries, kernels: scores };
}

function involution(node, [x], seen) {
  const made = (node.generator.kind === "pixel" ? kernelsFromPixel : kernelsFromAttention)(node, x);
  const change = seen.change[node.name];
  if (change) made.kernels = change(made.kernels, node);
  seen.hidden[node.name] = made.hidden;
  seen.kernels[node.name] = made.kernels;
  return applyKernels(node, x, made.kernels, true);
}

function staticKernels(node, [x]) {
  const result = applyKernels(node, x, node.kernel, false);
  return node.bias ? result.map((value, i) => value + node.bias[i % node.bias.length]) : result;
}

function pooling(node, [x]) {
  const channels = x.shape[2], greatest = node.op === "maximum";
  const positions = node.shape[0] * node.shape[1], counts = new Float32Array(positions);
  const result = new Float32Array(positions * channels).fill(greatest ? -Infinity : 0);
  eachTap(node, x.shape, (position, tap, pixel) => {
    counts[position]++;
    for (let c = 0, o = position * channels; c < channels; c++, o++) {
      const value = x.data[pixel * channels + c];
      result[o] = greatest ? Math.max(result[o], value) : result[o] + value;
    }
  });
  return greatest ? result : result.map((value, i) => value / counts[Math.floor(i / channels)]);
}

function pad(node, [x]) {
  const [, columns, channels] = node.shape, [height, width] = x.shape, result = new Float32Array(size(node.shape));
  for (let row = 0; row < height; row++) {
    const line = x.data.subarray(row * width * channels, (row + 1) * width * channels);
    result.set(line, ((row + node.before[0]) * columns + node.before[1]) * channels);
  }
  return result;
}

function concatenate(node, inputs) {
  const result = new Float32Array(size(node.shape)), last = node.shape.length - 1;
  let first = 0;
  for (const { data, shape } of inputs) {
    for (let i = 0; i < data.length; i++) {
      result[Math.floor(i / shape[last]) * node.shape[last] + first + (i % shape[last])] = data[i];
    }
    first += shape[last];
  }
  return result;
}

function globalMean(node, [x]) {
  const channels = x.shape[2], result = new Float32Array(channels);
  x.data.forEach((value, i) => { result[i % channels] += value; });
  return result.map((sum) => (sum * channels) / x.data.length);
}

const OPERATIONS = {
  convolution, involution, concatenate, pad,
  static: staticKernels,
  mean: pooling,
  maximum: pooling,
  global_mean: globalMean,
  dense: (node, [x]) => perPosition(x.data, x.shape[x.shape.length - 1], node.kernel, node.bias),
  scale: ({ scale, shift }, [x]) => x.data.map((value, i) => value * scale[i % scale.length] + shift[i % scale.length]),
  add: (node, inputs) => inputs[0].data.map((_, i) => inputs.reduce((sum, { data }) => sum + data[i], 0)),
  copy: (node, [x]) => x.data,
};

const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const size = (shape) => shape.reduce((product, n) => product * n, 1);

/** Turn `count` numbers of `values`, `step` apart from `start` on, into shares that add up to one, in their place. */
function softmax(values, start = 0, count = values.length, step = 1) {
  let greatest = -Infinity, sum = 0;
  for (let i = 0; i < count; i++) greatest = Math.max(greatest, values[start + i * step]);
  for (let i = 0; i < count; i++) sum += values[start + i * step] = Math.exp(values[start + i * step] - greatest);
  for (let i = 0; i < count; i++) values[start + i * step] /= sum;
  return values;
}

/** A network from its description (see graph.py). */
function makeNetwork(graph) {
  const { nodes } = graph;

  /**
   * Run the network on pixels in [0, 1]. `change` may hold, per involution, a function that gets (kernels, node) and
   * returns other kernels to go on with. Returns logits, kernels and hidden vectors per involution, and the (first) inputs
   * and outputs of all layers: {data, shape} by the layer's name.
   */
  function run(pixels, change = {}) {
    if (pixels.length !== size(graph.input)) {
      throw new Error(`forward needs ${graph.input.join(" x ")} = ${size(graph.input)} numbers, not ${pixels.length}.`);
    }
    const seen = { change, kernels: {}, hidden: {}, inputs: {}, outputs: {} }, results = [];
    for (const node of nodes) {
      const inputs = node.inputs.map((number) => results[number]);
      let data = node.op === "input" ? Float32Array.from(pixels) : OPERATIONS[node.op](node, inputs, seen);
      if (node.activation === "softmax") data = softmax(Float32Array.from(data), 0, data.length);
      else if (ACTIVATIONS[node.activation]) data = data.map(ACTIVATIONS[node.activation]);
      seen.inputs[node.name] = inputs[0];
      results.push(seen.outputs[node.name] = { data, shape: node.shape });
    }
    return { logits: results[results.length - 1].data, ...seen };
  }

  return {
    ...graph, run,
    /** The public one: {logits, kernels: {layer: Float32Array}}, kernels as (H', W', K_h, K_w, G), the group fastest. */
    forward(pixels) {
      const { logits, kernels } = run(pixels);
      return { logits, kernels };
    },
    /** Probabilities from what the network's last layer says. */
    probabilities: (logits) => (graph.probabilities ? logits : softmax(Float32Array.from(logits))),
  };
}

// -------------------------------------------------------------------------------------- reading what a run has computed

const taps = (node) => node.size[0] * node.size[1];
const ownKernels = (node) => node.op === "involution";
const inputOf = (seen, node) => seen.inputs[node.name];

/** The kernel of a group at a position. A convolution's "group" is a filter, and its kernel differs by channel. */
function kernelAt(seen, node, [row, column], group, channel) {
  const count = taps(node);
  if (node.op === "convolution") {
    const inGroup = inputOf(seen, node).shape[2] / node.groups;
    return Array.from({ length: count }, (_, tap) => node.kernel[(tap * inGroup + (channel % inGroup)) * node.shape[2] + group]);
  }
  const first = ownKernels(node) ? (row * node.shape[1] + column) * count : 0;
  const values = ownKernels(node) ? seen.kernels[node.name] : node.kernel;
  return Array.from({ length: count }, (_, tap) => values[(first + tap) * node.groups + group]);
}

/** What the window of a position sees in a channel of the layer's input; NaN outside the image. */
function windowAt(seen, node, [row, column], channel) {
  const { data, shape } = inputOf(seen, node), window = Array.from({ length: taps(node) }, () => NaN);
  for (let u = 0; u < node.size[0]; u++) {
    for (let v = 0; v < node.size[1]; v++) {
      const y = row * node.strides[0] - node.before[0] + u * node.dilation[0];
      const x = column * node.strides[1] - node.before[1] + v * node.dilation[1];
      if (y >= 0 && y < shape[0] && x >= 0 && x < shape[1]) window[u * node.size[1] + v] = data[(y * shape[1] + x) * shape[2] + channel];
    }
  }
  return window;
}

/** The channels of the input that the chosen group's kernel is for: [first, number]. */
function channelsOf(seen, node, group) {
  const channels = inputOf(seen, node).shape[2];
  if (node.op === "convolution") return [Math.floor(group / (node.shape[2] / node.groups)) * (channels / node.groups), channels / node.groups];
  return [group * (channels / node.groups), channels / node.groups];
}

/** The mean over positions of kernels that hold `length` weights each. */
function meanKernel(kernels, length) {
  const mean = new Float32Array(length);
  kernels.forEach((value, i) => { mean[i % length] += (value * length) / kernels.length; });
  return mean;
}

const repeated = (kernel, length) => Float32Array.from({ length }, (_, i) => kernel[i % kernel.length]);

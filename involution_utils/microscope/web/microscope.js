"use strict";
// The kernel microscope: what the hand does changes `state`, and `update` draws the page from it.

// ------------------------------------------------------------------------------------------------------------ drawing

/** Frame a window, and the cell in its middle, on a picture of the layer's input (`height` x `width` cells). */
function frames(node, point, kind) {
  const [row, column] = positionAt(node, point), { shape } = inputOf(now, node);
  const rect = (name, y, x, height, width) => build("rect", { class: name, y, x, height, width });
  const extent = [0, 1].map((axis) => (node.size[axis] - 1) * node.dilation[axis] + 1);
  const top = row * node.strides[0] - node.before[0], left = column * node.strides[1] - node.before[1];
  const clip = (start, length, limit) => [Math.max(0, start), Math.min(limit, start + length) - Math.max(0, start)];
  const [y, height] = clip(top, extent[0], shape[0]), [x, width] = clip(left, extent[1], shape[1]);
  const middle = rect(kind === "pinned" ? "pinned cell" : "cell", top + Math.floor(extent[0] / 2), left + Math.floor(extent[1] / 2), 1, 1);
  return [rect("halo", y, x, height, width), rect(kind, y, x, height, width), middle];
}

function overlay(node) {
  const { shape } = inputOf(now, node);
  const marks = [...(state.pin ? frames(node, state.pin, "pinned") : []), ...frames(node, state.point, "window")];
  return build("svg", { viewBox: `0 0 ${shape[1]} ${shape[0]}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...marks);
}

function drawImage() {
  const node = layer(), [row, column] = positionAt(node, state.point);
  const canvas = build("canvas", { "aria-hidden": "true" });
  paintPixels(canvas, images[state.image].pixels, WIDTH, CHANNELS);
  byId("stage").replaceChildren(canvas, overlay(node));
  const text = `Row ${row + 1} of ${node.shape[0]}, column ${column + 1} of ${node.shape[1]} of ${node.name}. The frame is its ${node.size.join(" × ")} window.`;
  byId("place").textContent = `${text} Click to stay there.`;
  return text;
}

function drawMaps() {
  const node = layer(), own = ownKernels(node);
  const mode = own ? state.mode : "output", per = mode === "output" ? [state.group] : Array.from({ length: node.groups }, (_, group) => group);
  const values = per.map((group) => keptMap(node, mode, group)), most = mode === "like" ? 1 : greatest(values.flat());
  const maps = byId("maps"), shown = values.slice(0, 12);
  maps.classList.toggle("single", shown.length === 1);
  if (maps.children.length !== shown.length) {
    maps.replaceChildren(...shown.map(() => build("div", { class: "map" }, build("div", {}, build("canvas", { role: "img" })), build("span"))));
  }
  shown.forEach((numbers, i) => {
    const map = maps.children[i], canvas = map.querySelector("canvas"), name = mode === "output" ? `channel ${outputChannel() + 1}` : `group ${per[i] + 1}`;
    if (canvas.numbers !== numbers || canvas.palette !== palette) {
      Object.assign(canvas, { numbers, palette });
      paint(canvas, numbers, node.shape[1], (value) => diverging(value / (most || 1)));
      const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
      canvas.setAttribute("aria-label", `${MODES[mode][0]}, ${name}: from ${short(low)} to ${short(high)} over ${node.shape[0]} × ${node.shape[1]} positions`);
    }
    map.classList.toggle("chosen", mode !== "output" && per[i] === state.group && shown.length > 1);
    map.querySelector("span").textContent = name;
    map.querySelector("svg")?.remove();
    const spot = (point, kind) => { const [y, x] = positionAt(node, point); return build("rect", { class: kind, x, y, width: 1, height: 1 }); };
    const marks = [state.pin && spot(state.pin, "pinned"), spot(state.point, "window")];
    canvas.after(build("svg", { viewBox: `0 0 ${node.shape[1]} ${node.shape[0]}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...marks));
  });
  fillBar(byId("map-bar"), most, mode === "apart" ? 0 : -most);
  byId("modes").hidden = !own;
  byId("map-about").textContent = (own ? "" : `${kindOf(node)} uses the same kernels at every position. `) + MODES[mode][1] + (own && now !== before && state.change !== "shuffled" && changedLayers().includes(node) ? " Here the kernels are frozen: they are alike everywhere." : "") + (values.length > 12 ? " The first 12 groups are shown." : "");
}

const kindOf = (node) => ({ involution: "Involution", static: node.groups === node.shape[2] ? "Depthwise convolution" : "This layer, with one kernel per group of channels,", convolution: "Convolution" })[node.op];
const counted = (count) => (count === 1 ? "1 number" : `${count} numbers`);
const outputChannel = () => (layer().op === "convolution" ? state.group : state.channel);

function drawClasses() {
  const was = network.probabilities(before.logits), is = network.probabilities(now.logits), names = DATA.classNames;
  const rank = (shares) => [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const order = rank(is), shown = names.length <= 12 ? [...names.keys()] : order.slice(0, 10), changes = state.change !== "trained";
  byId("classes").tBodies[0].replaceChildren(...shown.map((i) => {
    const bar = build("i"), mark = build("b");
    bar.style.width = `${100 * is[i]}%`;
    mark.style.left = `calc(${100 * was[i]}% - 1px)`;
    return build("tr", { class: i === order[0] ? "first" : false }, build("th", { scope: "row" }, names[i]), build("td", { class: "track", "aria-hidden": "true" }, build("div", {}, bar, changes && now !== before ? mark : null)), build("td", {}, percent(is[i])));
  }));
  const top = order[0], had = rank(was)[0], image = images[state.image];
  const label = image.label === -1 ? ` It shows none of the ${names.length} classes, so no answer can be right.` : Number.isInteger(image.label) ? ` Its label is ${names[image.label]}.` : "";
  byId("verdict").textContent = `“${image.name}” looks most like ${names[top]} to the network: ${percent(is[top])}.${label}${now !== before ? " The upright lines are what it says as trained." : ""}`;
  let text = "Each layer with involution makes a kernel per position. Freeze or shuffle them, and see how much of what the network says depends on which kernel lies where.";
  if (changes) {
    const where = state.scope === "all" ? "all involutions" : layer().name, how = state.change === "dataset" ? `${CHANGES.dataset[1]}, the mean over this page's ${DATA.images.length} images` : CHANGES[state.change][1];
    text = now === before ? `${layer().name} makes no kernels from the image: choose a layer with involution, or all of them.`
      : `In ${where}, ${how}: the network says ${names[top]} (${percent(is[top])})${top === had ? `, as it did as trained (${percent(was[top])}).` : `; as trained it said ${names[had]} (${percent(was[had])}).`}`;
  }
  byId("changed").textContent = text;
  return `${names[top]}, ${percent(is[top])}`;
}

function drawInside() {
  const node = layer(), position = positionAt(node, state.point), groups = groupsOf(node), window = node.size[1];
  const generator = node.generator, hidden = generator && Array.from(now.hidden[node.name].subarray((position[0] * node.shape[1] + position[1]) * generator.hidden).subarray(0, generator.hidden));
  byId("step-vector").hidden = !hidden;
  if (hidden) {
    const attention = generator.kind === "attention", dead = hidden.filter((value) => value === 0).length;
    byId("vector-title").textContent = attention ? "The query" : "The hidden vector";
    fillGrid(byId("vector"), hidden, Math.min(8, hidden.length), greatest(now.hidden[node.name]), { label: byId("vector-title").textContent });
    byId("vector-about").textContent = attention
      ? `What this pixel looks for: its ${inputOf(now, node).shape[2]} channels become ${counted(hidden.length)}, which are compared with the key of each pixel in the window.`
      : `What the kernel below is made from: a learned matrix reduces the pixel's ${inputOf(now, node).shape[2]} channels to ${counted(hidden.length)}; ReLU sets negative ones to zero (${dead} here).`;
  }
  const from = Math.floor(state.group / 8) * 8, list = Array.from({ length: Math.min(8, groups - from) }, (_, i) => from + i);
  const all = ownKernels(node) ? now.kernels[node.name] : node.kernel, most = greatest(all), box = byId("kernels");
  const part = node.op === "convolution" ? "filter" : "group";
  byId("kernels-title").textContent = node.op === "convolution" ? `Learned kernels for input channel ${state.channel + 1}, the same everywhere` : ownKernels(node) ? "The kernels made for this position" : "Learned kernels, the same everywhere";
  if (box.children.length !== list.length) {
    box.replaceChildren(...list.map((_, i) => build("button", { type: "button", onclick: () => choose({ group: Number(box.children[i].dataset.group) }) }, build("table", { class: "grid", "aria-hidden": "true" }), build("span"))));
  }
  list.forEach((group, i) => {
    const button = box.children[i], kernel = kernelAt(now, node, position, group, state.channel), [first, count] = channelsOf(now, node, group);
    fillGrid(button.querySelector("table"), kernel, window, most, { numbers: false });
    button.dataset.group = group;
    button.setAttribute("aria-pressed", group === state.group);
    button.querySelector("span").textContent = `${part} ${group + 1}`;
    button.title = count === 1 ? "" : `for channels ${first + 1} to ${first + count}`;
    button.setAttribute("aria-label", `Kernel of ${part} ${group + 1}${count === 1 ? "" : `, for channels ${first + 1} to ${first + count}`}: sum ${short(kernel.reduce((a, b) => a + b, 0))}, center ${short(kernel[Math.floor(kernel.length / 2)])}`);
  });
  fillBar(byId("kernel-bar"), most);
  byId("kernels-about").textContent = ownKernels(node)
    ? `${hidden && generator.kind === "attention" ? "Query times key under each tap, through a softmax: positive weights that add up to one." : `A learned matrix turns the hidden vector into ${groups} × ${node.size.join(" × ")} weights.`} Blue is negative, red positive; one scale for the whole image.`
    : `Blue is negative, red positive.${groups > 8 ? ` ${part[0].toUpperCase() + part.slice(1)}s ${from + 1} to ${from + list.length} of ${groups}; choose others below.` : ""}`;
  drawProducts(node, position, part);
}

function drawProducts(node, position, part) {
  const window = windowAt(now, node, position, state.channel), kernel = kernelAt(now, node, position, state.group, state.channel), columns = node.size[1];
  const products = window.map((value, i) => value * kernel[i]), sum = dot(window, kernel);
  const output = now.outputs[node.name].data[(position[0] * node.shape[1] + position[1]) * node.shape[2] + outputChannel()];
  byId("products-title").textContent = "Window × kernel, added up";
  fillGrid(byId("window-grid"), window, columns, greatest(window.map((v) => v || 0)), { label: `Window, channel ${state.channel + 1}` });
  fillGrid(byId("kernel-grid"), kernel, columns, greatest(kernel), { label: `Kernel, ${part} ${state.group + 1}` });
  fillGrid(byId("product-grid"), products, columns, greatest(products.map((v) => v || 0)), { label: "Products" });
  byId("total").replaceChildren("sum = ", build("strong", {}, short(sum)));
  const { shape } = inputOf(now, node), picture = shape[2] === CHANNELS && shape[0] === HEIGHT, [first, count] = channelsOf(now, node, state.group);
  byId("window-about").textContent = picture ? `window, color ${state.channel + 1} of the picture` : `window, feature ${state.channel + 1} of ${shape[2]}`;
  const seen = picture ? "" : "The window shows a feature that earlier layers computed, not the picture. ";
  const shared = count > 1 && node.op !== "convolution" ? `A group is a set of channels that share a kernel: here channels ${first + 1} to ${first + count}. ` : "";
  byId("products-about").textContent = seen + shared + (node.op === "convolution"
    ? `A convolution adds these sums over its ${channelsOf(now, node, state.group)[1]} input channels${node.bias ? " and a bias" : ""}: output ${short(output)} in filter ${state.group + 1}.`
    : `The sum${node.bias ? ", plus a bias," : ""} is the output at this position in channel ${state.channel + 1}: ${short(output)}. Cells outside the image count as zero.`);
}

function drawPair() {
  byId("pair").hidden = byId("unpin").hidden = !state.pin;
  const node = layer();
  if (!state.pin) {
    byId("pair-about").textContent = "Pin a position, move on, and see how the two kernels differ.";
    return;
  }
  const [here, pinned] = [state.point, state.pin].map((point) => kernelAt(now, node, positionAt(node, point), state.group, state.channel)), most = greatest([...here, ...pinned]);
  [["here-grid", here, "Kernel here"], ["pinned-grid", pinned, "Pinned kernel"], ["difference-grid", gap(here, pinned), "Difference"]].forEach(([id, values, label]) => fillGrid(byId(id), values, node.size[1], most, { label }));
  byId("pair-about").textContent = ownKernels(node)
    ? `Group ${state.group + 1}: cosine similarity ${short(likeness(here, pinned))} (1 the same direction, 0 unrelated, −1 opposite). The pinned position is framed in blue.`
    : `${kindOf(node)} uses the same kernel at both positions: the difference is zero.`;
}

/** Fill in the groups and channels one can choose from. */
function drawChoices() {
  const node = layer(), groups = groupsOf(node), part = node.op === "convolution" ? "Filter" : "Group";
  state.group = Math.min(state.group, groups - 1);
  const [first, count] = channelsOf(now, node, state.group);
  if (state.channel < first || state.channel >= first + count) state.channel = first;
  const options = (length, start, chosen) => Array.from({ length }, (_, i) => build("option", { value: start + i, selected: start + i === chosen }, `${start + i + 1}`));
  byId("group-label").textContent = part;
  byId("group").replaceChildren(...options(groups, 0, state.group));
  byId("channel").replaceChildren(...options(count, first, state.channel));
  const shared = count > 1 && node.op !== "convolution" ? `, ${count} channels share a kernel` : "";
  byId("layer-about").textContent = `${node.name}: ${kindOf(node).toLowerCase().replace(/,$/, "")}, ${node.size.join(" × ")} kernels, ${node.shape[0]} × ${node.shape[1]} positions, ${inputOf(now, node).shape[2]} channels${shared}.${node.name === "stem" ? " The stem is the first layer: it turns the picture's colors into features." : ""}`;
}

// ----------------------------------------------------------------------------------------------------------- the hand

function update({ network: again = false, choices = again } = {}) {
  if (again) compute();
  if (choices) drawChoices();
  const place = drawImage();
  drawMaps();
  drawInside();
  drawPair();
  const verdict = drawClasses(), node = layer(), kernel = kernelAt(now, node, positionAt(node, state.point), state.group, state.channel);
  const strongest = kernel.reduce((best, value, i) => (Math.abs(value) > Math.abs(kernel[best]) ? i : best), 0);
  const where = `row ${Math.floor(strongest / node.size[1]) + 1}, column ${(strongest % node.size[1]) + 1} of the kernel`;
  byId("remove").hidden = !images[state.image].own;
  viewChanged();
  say(`${place} Group ${state.group + 1}: largest weight ${short(kernel[strongest])}, in ${where}. The network says ${verdict}.`);
}

/** Change the state, and draw what follows from it. */
function choose(change) {
  Object.assign(state, change);
  const again = ["image", "change", "scope"].some((key) => key in change) || ("layer" in change && state.change !== "trained");
  update({ network: again, choices: again || "layer" in change || "group" in change });
}

function drawImages() {
  radios(byId("images"), "image", images.map((image, i) => {
    const canvas = build("canvas", { "aria-hidden": "true" });
    paintPixels(canvas, image.pixels, WIDTH, CHANNELS);
    return [i, canvas, image.name];
  }), state.image, (image) => choose({ image }));
}

byId("remove").addEventListener("click", () => {
  images.splice(state.image, 1);
  state.image = 0;
  drawImages();
  choose({ image: 0 });
});
byId("group").addEventListener("change", ({ target }) => choose({ group: Number(target.value) }));
byId("channel").addEventListener("change", ({ target }) => choose({ channel: Number(target.value) }));
byId("scope").addEventListener("change", ({ target }) => choose({ scope: target.value }));
byId("pin").addEventListener("click", () => choose({ pin: state.point }));
byId("unpin").addEventListener("click", () => choose({ pin: null }));

followPictures([HEIGHT, WIDTH, CHANNELS], (name, pixels) => {
  state.image = images.push({ name, pixels, own: true }) - 1;
  drawImages();
  choose({ image: state.image });
});

/** The view as its address names it: counted from 1, positions as row and column of the layer. */
function view() {
  const at = positionAt(layer(), state.rest).map((index) => index + 1);
  return { image: state.image + 1, layer: layer().name, at, group: state.group + 1, channel: state.channel + 1, map: state.mode, kernels: state.change, in: state.scope };
}

/** Show what an address names; what this page does not have is left as it is. */
function showView(values) {
  const index = (name, count) => (values[name] >= 1 && values[name] <= count ? Math.floor(values[name]) - 1 : undefined);
  const known = (name, choices) => (choices.includes(values[name]) ? values[name] : undefined);
  const number = layers.findIndex(({ name }) => name === values.layer), node = layers[number] ?? layer();
  const at = /^\d+,\d+$/.test(values.at) && values.at.split(",").map((value, axis) => Math.min(1, (value - 0.5) / node.shape[axis]));
  const found = {
    image: index("image", images.length), layer: number < 0 ? undefined : number, group: index("group", groupsOf(node)), channel: index("channel", node.shape[2]),
    mode: known("map", Object.keys(MODES)), change: known("kernels", Object.keys(CHANGES)), scope: known("in", ["one", "all"]), ...(at && { point: at, rest: at }),
  };
  for (const [key, value] of Object.entries(found)) if (value !== undefined) state[key] = value;
  for (const name of ["image", "layer", "mode", "change"]) {
    for (const radio of document.querySelectorAll(`input[name="${name}"]`)) radio.checked = radio.value === String(state[name]);
  }
  byId("scope").value = state.scope;
  if (now) update({ network: true });
}

byId("about").textContent = involutions.length
  ? "This is a trained network, running in your browser. Its involutions make a new kernel at every position, from the pixel there. Move over the image to see which."
  : "This is a trained network, running in your browser. Move over the image to see its windows, its kernels and what they add up to.";
byId("warning").textContent = disagreement(network, DATA.expected);
byId("input-size").textContent = `${WIDTH} × ${HEIGHT} pixels`;
byId("asking").hidden = !involutions.length;
drawImages();
radios(byId("layers"), "layer", layers.map((node, i) => [i, `${i + 1} · ${node.name.replace(/_/g, " ")}`]), state.layer, (index) => choose({ layer: index }));
radios(byId("modes"), "mode", Object.entries(MODES).map(([mode, [name]]) => [mode, name]), state.mode, (mode) => choose({ mode }));
radios(byId("changes"), "change", Object.entries(CHANGES).map(([change, [name]]) => [change, name]), state.change, (change) => choose({ change }));
const put = (point, held) => choose(point === null ? { point: state.rest } : held ? { point, rest: point } : { point });
followHand(byId("stage"), put);
followHand(byId("maps"), put, (event) => event.target.closest?.(".map")?.firstElementChild);
followKeys(byId("stage"), () => layer().shape, () => state.point, put);
byId("stage").addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "p" && !event.ctrlKey && !event.metaKey) choose({ pin: state.point });
});
const viewChanged = followAddress(byId("copy"), view, showView);
settle(() => update({ network: now === null }));

"use strict";
// A convolution by hand: one kernel, and a window that is dragged over a photograph.

const names = Object.keys(DATA.kernels);
let chosen = names[0], kernel = DATA.kernels[chosen].flat(), output = null;
const side = () => Math.sqrt(kernel.length);

/** Values near 0 to 1 are shown as they are; others, as of an edge detector, around a middle gray. */
function shown(values) {
  const low = values.reduce((a, b) => Math.min(a, b)), most = greatest(values);
  byId("scale").textContent = low < -0.01 ? `Gray is zero, white ${short(most)}, black ${short(-most)}.` : "Black is 0, white is 1.";
  return low < -0.01 ? values.map((value) => 0.5 + value / (2 * most)) : values;
}

function drawKernel() {
  const columns = side(), box = byId("weights-grid");
  box.style.gridTemplateColumns = `repeat(${columns}, auto)`;
  box.replaceChildren(...kernel.map((value, i) => build("input", {
    type: "number", step: "any", value: Math.round(value * 1000) / 1000, "aria-label": `Weight in row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`,
    oninput: ({ target }) => {
      kernel = kernel.map((old, j) => (j === i ? Number(target.value) || 0 : old));
      for (const radio of byId("kernels").querySelectorAll("input")) radio.checked = false;
      update(true);
    },
  })));
}

function update(again = false) {
  const position = positionIn([ROWS, COLUMNS], around.point), columns = side(), window = windowOf(position, columns);
  if (again) output = applied(kernel, columns, false);
  paintFramed(byId("photo"), again ? PHOTO : null, position, columns);
  paintFramed(byId("output"), again ? shown(output) : null, position, 1);
  const products = window.map((value, i) => value * kernel[i]), sum = weighted(window, kernel);
  fillGrid(byId("window-grid"), window, columns, 1, { label: "Window", color: gray });
  fillGrid(byId("product-grid"), products, columns, Math.max(0.2, greatest(products)), { label: "Products" });
  [...byId("weights-grid").children].forEach((input, i) => {
    const color = diverging(kernel[i] / Math.max(0.5, greatest(kernel)));
    input.style.backgroundColor = css(color);
    input.style.color = inkOn(color);
  });
  byId("total").replaceChildren("sum = ", build("strong", {}, short(sum)));
  byId("place").textContent = `Row ${position[0] + 1}, column ${position[1] + 1}. Drag, or use the arrow keys.`;
  say(`Window at row ${position[0] + 1}, column ${position[1] + 1}: the products add up to ${short(sum)}.`);
}

radios(byId("kernels"), "kernel", names.map((name) => [name, name]), chosen, (name) => {
  kernel = DATA.kernels[name].flat();
  drawKernel();
  update(true);
});
drawKernel();
followWindow([byId("photo"), byId("output")], () => update());
settle(() => update(true));

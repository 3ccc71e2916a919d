"use strict";
// What every page shares: its data, building elements, colors, the theme of the page around it.

const byId = (id) => document.getElementById(id);

/** Build an element: attributes, "on..." handlers, children (elements or text). */
function build(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "path", "line", "circle", "g", "text", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function bytes(base64) {
  const text = atob(base64);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** An array as Python sends it, {bytes} or {floats}; anything else as it is. */
function decoded(key, value) {
  if (typeof value?.bytes === "string") return bytes(value.bytes);
  return typeof value?.floats === "string" ? new Float32Array(bytes(value.floats).buffer) : value;
}

/** What Python put into the page. */
const DATA = JSON.parse(byId("data").textContent, decoded);

/** The pixels, in [0, 1], of an image as Python sends it. */
const pixelsOf = (values) => Float32Array.from(values, (value) => value / 255);

// ---------------------------------------------------------------------------------------------------------- numbers

/** A number for a reader: two significant digits or so, and a true minus sign. */
function short(value) {
  const size = Math.abs(value), digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = size < 0.005 ? "0" : value.toFixed(digits);
  return text.replace("-", "−").replace(/^(−?)0\./, "$1.");
}

const percent = (share) => (share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`);

// ----------------------------------------------------------------------------------------------------------- colors

let palette = {};

/** Read the colors of the style sheet, which knows light and dark. */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16));
  palette = { low: color("--low"), middle: color("--middle"), high: color("--high") };
}

/** The diverging scale: -1 is blue, 0 the page's neutral, 1 red. */
function diverging(value) {
  const t = Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0, end = t < 0 ? palette.low : palette.high;
  return palette.middle.map((from, i) => Math.round(from + (end[i] - from) * Math.abs(t)));
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
const inkOn = ([r, g, b]) => (0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2 > 0.179 ? "#000" : "#fff");

/** Paint `values`, `columns` to a row, one canvas pixel each; `color` gives [r, g, b]. */
function paint(canvas, values, columns, color) {
  const rows = values.length / columns;
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < values.length; i++) image.data.set([...color(values[i], i), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Paint pixels in [0, 1] of 1 or 3 channels. */
function paintPixels(canvas, pixels, width, channels) {
  const positions = Array.from({ length: pixels.length / channels }, (_, i) => i);
  paint(canvas, positions, width, (i) => [0, 1, 2].map((c) => 255 * Math.min(1, Math.max(0, pixels[i * channels + (c % channels)]))));
}

/** Fill a table of numbers, one colored cell each, on a scale from -most to most. */
function fillGrid(table, values, columns, most, { numbers = true, label, color: shade = diverging } = {}) {
  const rows = Math.ceil(values.length / columns);
  if (table.rows.length !== rows || table.rows[0]?.cells.length !== columns) {
    table.replaceChildren(...Array.from({ length: rows }, () => build("tr", {}, ...Array.from({ length: columns }, () => build("td")))));
  }
  if (label) table.setAttribute("aria-label", label);
  table.classList.toggle("quiet", !numbers);
  values.forEach((value, i) => {
    const cell = table.rows[Math.floor(i / columns)].cells[i % columns], outside = Number.isNaN(value);
    const color = shade(outside ? 0 : value / (most || 1));
    cell.textContent = outside ? "–" : short(value);
    cell.classList.toggle("outside", outside);
    cell.style.backgroundColor = outside ? "" : css(color);
    cell.style.color = outside ? "" : inkOn(color);
  });
}

const greatest = (values) => values.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);

/** Draw the color bar of a scale from `least`, which is -most or 0, to `most`. */
function fillBar(bar, most, least = -most) {
  const canvas = bar.querySelector("canvas");
  paint(canvas, Array.from({ length: 101 }, (_, i) => (least < 0 ? (i - 50) / 50 : i / 100)), 101, diverging);
  const [low, high] = bar.querySelectorAll("span");
  low.textContent = short(least);
  high.textContent = short(most);
}

// --------------------------------------------------------------------------------------------------- what a hand does

/** Radio buttons with pictures or words on them. */
function radios(box, name, entries, chosen, onchoose) {
  box.replaceChildren(...entries.map(([value, face, label]) => build("label", { class: face instanceof Element ? "choice picture" : "choice", title: label ?? false },
    build("input", { type: "radio", name, value, checked: value === chosen, "aria-label": label ?? false, onchange: () => onchoose(value) }), build("span", {}, face))));
}

/** The [row, column] at a point, (down, across) as shares of the picture. */
const positionIn = (shape, point) => [0, 1].map((axis) => Math.min(shape[axis] - 1, Math.max(0, Math.floor(point[axis] * shape[axis]))));

/** Call onpoint(point, held) as a pointer moves over a picture; held, if it is pressed there; onpoint(null) as it leaves. */
function followHand(element, onpoint, picture = () => element) {
  const follow = (event) => {
    const box = picture(event)?.getBoundingClientRect();
    if (!box) return;
    const share = (at, start, length) => Math.min(0.9999, Math.max(0, (at - start) / length));
    const held = event.type === "pointerdown" || event.pointerType !== "mouse" || event.buttons > 0;
    onpoint([share(event.clientY, box.top, box.height), share(event.clientX, box.left, box.width)], held);
  };
  element.addEventListener("pointermove", follow);
  element.addEventListener("pointerdown", follow);
  element.addEventListener("pointerleave", () => onpoint(null));
}

/** Move a point with the arrow keys, from position to position. */
function followKeys(element, shape, point, onpoint) {
  element.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const sizes = shape();
    onpoint(positionIn(sizes, point()).map((at, axis) => (Math.min(sizes[axis] - 1, Math.max(0, at + step[axis])) + 0.5) / sizes[axis]), true);
  });
}

// ------------------------------------------------------------------------------------------------- the page around it

/** Say something to a screen reader, once the hand rests. */
const say = (() => {
  let timer;
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => { byId("said").textContent = text; }, 400);
  };
})();

/** The document around this page's frame, where there is one that may be asked (not one of another origin). */
function documentAround() {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null;
  }
}

/** "dark" or "light" where the page around this one says which (JupyterLab, VS Code, Sphinx), else undefined. */
function themeAround() {
  const { body, documentElement } = documentAround() ?? {};
  if (!body) return undefined;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "true" ? "light" : "dark";
  if (/vscode-(dark|high-contrast$)/.test(body.className)) return "dark";
  if (/vscode-light/.test(body.className)) return "light";
  const theme = documentElement.dataset.theme || documentElement.getAttribute("theme");
  return ["light", "dark"].includes(theme) ? theme : undefined;
}

/** Follow the theme of the page around, and be as high in it as this page is. */
function settle(redraw) {
  const follow = () => {
    const theme = themeAround();
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    readPalette();
    redraw();
  };
  follow();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
  addEventListener("beforeprint", () => { // on paper, light
    document.documentElement.dataset.theme = "light";
    readPalette();
    redraw();
  });
  addEventListener("afterprint", follow);
  const around = documentAround();
  if (!around) return; // of another origin, the page keeps the height it was given, and scrolls
  const options = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class", "theme"] };
  for (const element of [around.body, around.documentElement]) new MutationObserver(follow).observe(element, options);
  const { frameElement } = window;
  if (frameElement.nextElementSibling?.tagName === "IMG") frameElement.nextElementSibling.style.display = "none"; // the static picture
  new ResizeObserver(() => { frameElement.style.height = `${document.body.scrollHeight + 4}px`; }).observe(document.body);
}

/**
 * Keep the view in the location's hash, and let `button` copy its address. `view()` returns {name: value}; `show` gets
 * what a hash says, {name: text}. Returns a function to call when the view has changed.
 */
function followAddress(button, view, show) {
  button.hidden = location.protocol === "about:"; // a notebook's output has no address
  if (button.hidden) return () => {};
  const hash = () => `#${new URLSearchParams(view()).toString().replace(/%2C/g, ",")}`;
  const read = () => { if (location.hash) show(Object.fromEntries(new URLSearchParams(location.hash.slice(1)))); };
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const address = location.href.split("#")[0] + hash();
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    } catch { // where the clipboard is closed to pages, it is for the reader to copy
      const field = build("input", { readonly: true, value: address, "aria-label": "Address of this view" });
      button.replaceWith(field);
      field.select();
    }
  });
  addEventListener("hashchange", read);
  read();
  let timer;
  return () => {
    clearTimeout(timer); // browsers refuse too many changes at once
    timer = setTimeout(() => history.replaceState(null, "", hash()), 300);
  };
}

"use strict";
// What the pages with networks share: their pictures, those of the reader's own, and a check against Keras.

const images = DATA.images.map((image) => ({ ...image, pixels: pixelsOf(image.values) }));
const TOLERANCE = 1e-3; // of the largest logit; float32 differs by some 1e-5 of it

/** What to say where the page computes other logits than Keras did for the first images; nothing where they agree. */
function disagreement(network, answers) {
  for (const [i, expected] of answers.entries()) {
    const { logits } = network.run(images[i].pixels);
    const gaps = greatest(expected.map((value, k) => value - logits[k])), most = greatest(expected);
    const agree = logits.length === expected.length && logits.every(Number.isFinite) && gaps <= TOLERANCE * most;
    if (!agree) return `Do not trust this page: for “${images[i].name}” it computes other numbers than Keras, off by ${Number.isFinite(gaps) ? percent(gaps / most) : "more than can be said"}.`;
  }
  return "";
}

/** The middle of a picture, cropped to the shape of width x height and scaled to it: numbers in [0, 1]. */
function scaled(picture, width, height, channels) {
  const share = Math.min(picture.width / width, picture.height / height);
  let [w, h] = [width * share, height * share], source = picture, [x, y] = [(picture.width - w) / 2, (picture.height - h) / 2];
  for (;;) { // halve it until it fits, so that no pixel is passed over
    const [nextW, nextH] = w > 2 * width ? [Math.round(w / 2), Math.round(h / 2)] : [width, height];
    const canvas = build("canvas", { width: nextW, height: nextH }), context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // beneath what is transparent
    context.fillRect(0, 0, nextW, nextH);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, x, y, w, h, 0, 0, nextW, nextH);
    if (nextW === width) {
      const { data } = context.getImageData(0, 0, width, height), pixels = new Float32Array(width * height * channels);
      for (let i = 0; i < width * height; i++) {
        for (let c = 0; c < channels; c++) pixels[i * channels + c] = (channels === 3 ? data[4 * i + c] : (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3) / 255;
      }
      return pixels;
    }
    [source, x, y, w, h] = [canvas, 0, 0, nextW, nextH];
  }
}

/** Read each picture that the reader gives as numbers of [height, width, channels] and call ontake(name, numbers). */
function followPictures([height, width, channels], ontake) {
  const input = byId("file"), tell = (text) => { byId("problem").textContent = text; };
  const take = async (file) => {
    tell("");
    if (file.type && !input.accept.split(",").includes(file.type)) {
      tell(`“${file.name}” is not a picture that this page reads: choose a PNG, JPEG, GIF or WebP file.`);
      return;
    }
    byId("busy").textContent = `Reading “${file.name}” …`;
    try {
      const picture = await createImageBitmap(file), share = Math.min(picture.width / width, picture.height / height);
      const [w, h] = [width, height].map((length) => Math.max(1, Math.round(length * share)));
      if (w * h < (picture.width * picture.height) / 3) tell(`“${file.name}” has ${picture.width} × ${picture.height} pixels. Only the middle ${w} × ${h} are used.`);
      ontake(file.name, scaled(picture, width, height, channels));
    } catch {
      tell(`“${file.name}” could not be read as a picture; it may be damaged, or of a kind that this browser does not know.`);
    }
    byId("busy").textContent = "";
  };
  const taken = (files) => { if (files[0]) take(files[0]); };
  input.addEventListener("change", () => { taken(input.files); input.value = ""; });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      document.querySelector("main").classList.toggle("dropping", kind === "dragover");
      if (kind === "drop") taken(event.dataTransfer.files);
    });
  }
  document.addEventListener("paste", (event) => taken(event.clipboardData.files));
  addEventListener("message", ({ data }) => { if (data instanceof File) take(data); });
}

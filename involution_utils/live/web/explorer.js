"use strict";
// Seeds, rule, interval and correction are chosen; findings appear and vanish.

const rules = [...new Set(DATA.records.flatMap((record) => record.rules))], families = DATA.families;
const seeds = [...new Set(DATA.records.map((record) => record.seed))].sort((a, b) => a - b);
const setting = { rule: rules[0], seeds: new Set(seeds), against: null, test: "welch", correction: "holm" };

const ofRule = () => DATA.records.filter((record) => !rules.length || record.rules.includes(setting.rule));
const operatorsOfRule = () => [...new Set(ofRule().map((record) => record.operator))];

/** The results of an operator as {seed: accuracy in percent}, of the chosen seeds. */
function resultsOf(operator) {
  const chosen = ofRule().filter((record) => record.operator === operator && setting.seeds.has(record.seed));
  return Object.fromEntries(chosen.map(({ seed, accuracy }) => [seed, 100 * accuracy]));
}

/** What is compared, by name: the families whose networks take part under the rule, and each network with all others. */
function choices() {
  const there = operatorsOfRule(), found = {};
  for (const [name, family] of Object.entries(families)) {
    const known = family.filter(({ weights }) => Object.keys(weights).every((operator) => there.includes(operator)));
    if (known.length) found[name] = known;
  }
  for (const against of there) {
    found[`all with ${against}`] = there.filter((operator) => operator !== against).map((operator) => ({ name: `${operator} − ${against}`, weights: { [operator]: 1, [against]: -1 } }));
  }
  return found;
}

/** The comparisons asked for, each an estimate or what it lacks. */
function compare() {
  const found = choices()[setting.against].map(({ name, weights }) => {
    const results = Object.keys(weights).map(resultsOf), row = { name };
    const common = Object.keys(results[0]).filter((seed) => results.every((each) => seed in each));
    const samples = results.map((each) => (setting.test === "paired" ? common.map((seed) => each[seed]) : Object.values(each)));
    if (samples.some((values) => values.length < 2)) return row;
    return { ...row, ...(setting.test === "paired" ? paired : contrast)(samples, Object.values(weights)) };
  });
  const known = found.filter(({ p }) => p !== undefined), adjusted = setting.correction === "holm" ? holm(known.map(({ p }) => p)) : known.map(({ p }) => p);
  known.forEach((row, i) => Object.assign(row, { adjusted: adjusted[i], finding: adjusted[i] < 0.05 }));
  return found;
}

/** A chart with a row per name: `draw(name, y, x)` returns what stands in it, `x` turns a value into a coordinate. */
function chart(names, values, label, draw, zero = false) {
  const width = Math.max(300, Math.min(720, byId("runs").clientWidth || 720)), narrow = width < 520; // there a name stands above its row
  const left = narrow ? 8 : 24 + 6.2 * Math.max(...names.map((name) => name.length)), row = narrow ? 40 : 26;
  const height = names.length * row + 34, all = zero ? [...values, 0] : values;
  const low = Math.min(...all), high = Math.max(...all), room = (high - low || 1) * 0.06;
  const x = (value) => left + ((value - low + room) / (high - low + 2 * room)) * (width - left - 12);
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((one) => (high - low + 2 * room) / one <= (narrow ? 6 : 9)) ?? 100, ticks = [];
  for (let tick = Math.ceil((low - room) / step) * step; tick <= high + room; tick += step) ticks.push(tick);
  const axis = ticks.flatMap((tick) => [
    build("line", { x1: x(tick), x2: x(tick), y1: 4, y2: height - 26, class: zero && Math.abs(tick) < step / 2 ? "zero" : false }),
    build("text", { x: x(tick), y: height - 10, "text-anchor": "middle", class: "soft" }, `${Math.round(tick * 10) / 10}`.replace("-", "−")),
  ]);
  const rows = names.map((name, i) => build("g", {}, build("text", narrow ? { x: left, y: i * row + 13 } : { x: left - 12, y: i * row + 21, "text-anchor": "end" }, name), ...draw(i, i * row + (narrow ? 28 : 17), x)));
  return build("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...axis, ...rows);
}

const signed = (value) => `${value >= 0.05 ? "+" : value <= -0.05 ? "−" : ""}${Math.abs(value).toFixed(1)}`;

function update() {
  const operators = operatorsOfRule(), results = operators.map(resultsOf), numbers = results.flatMap(Object.values);
  byId("runs").replaceChildren(numbers.length ? chart(operators, numbers, `Test accuracy in percent, one dot per run: ${operators.map((operator, i) => `${operator} ${Object.values(results[i]).length ? mean(Object.values(results[i])).toFixed(1) : "none"}`).join(", ")} on average`, (i, y, x) => {
    const dots = Object.entries(results[i]), circles = dots.map(([seed, value]) => build("circle", { cx: x(value), cy: y, r: 4.5 }, build("title", {}, `seed ${seed}: ${value.toFixed(1)} %`)));
    return dots.length ? [...circles, build("line", { class: "interval", x1: x(mean(Object.values(results[i]))), x2: x(mean(Object.values(results[i]))), y1: y - 9, y2: y + 9 })] : [];
  }) : "No run is chosen.");
  const found = compare(), known = found.filter(({ p }) => p !== undefined), names = known.map(({ name }) => name);
  byId("gaps").replaceChildren(known.length ? chart(names, known.flatMap(({ low, high }) => [low, high]), "Differences with 95 % intervals; the list below gives the numbers", (i, y, x) => {
    const { value, low, high, finding } = known[i];
    return [build("g", { class: finding ? "found" : false }, build("line", { class: "interval", x1: x(low), x2: x(high), y1: y, y2: y }), build("circle", { class: "mean", cx: x(value), cy: y, r: 5 }))];
  }, true) : "Each side needs two runs at least.");
  byId("gaps-about").textContent = "Filled: a finding, its p-value below 0.05. Hollow: these runs cannot tell the difference from none. "
    + (setting.correction === "holm" ? `P-values are corrected by Holm's method for ${known.length} comparisons; intervals are of one comparison each.` : "No correction: of twenty true nothings, one is called a finding.");
  const count = known.filter(({ finding }) => finding).length;
  byId("count").textContent = `${count} of ${known.length} comparisons ${count === 1 ? "is a finding" : "are findings"}, with ${setting.seeds.size} ${setting.seeds.size === 1 ? "seed" : "seeds"}, ${setting.test === "welch" ? "unpaired (Welch)" : "paired by seed"}, ${setting.correction === "holm" ? "Holm's correction" : "no correction"}.`;
  byId("findings").replaceChildren(...found.map(({ name, value, low, high, adjusted, finding }) => build("li", { class: finding ? "found" : false }, value === undefined
    ? `${name}: too few runs.`
    : `${name}: ${signed(value)} points (${signed(low)} to ${signed(high)}), p ${adjusted < 0.001 ? "< 0.001" : `= ${adjusted.toFixed(3)}`}${finding ? "" : ", no finding"}`)));
}

const set = (key) => (value) => { setting[key] = value; update(); };
const tick = () => { for (const box of byId("seeds").querySelectorAll("input")) box.checked = setting.seeds.has(Number(box.value)); update(); };
const offer = () => { // what can be compared depends on the rule
  const names = Object.keys(choices());
  if (!names.includes(setting.against)) setting.against = names[0];
  byId("against").replaceChildren(...names.map((name) => build("option", { value: name }, name)));
  byId("against").value = setting.against;
};
offer();
byId("rules-row").hidden = rules.length < 2;
radios(byId("rules"), "rule", rules.map((rule) => [rule, rule.replace(/_/g, "-")]), setting.rule, (rule) => { setting.rule = rule; offer(); update(); });
radios(byId("tests"), "test", [["welch", "Unpaired (Welch)"], ["paired", "Paired by seed"]], setting.test, set("test"));
radios(byId("corrections"), "correction", [["holm", "Holm's correction"], ["none", "No correction"]], setting.correction, set("correction"));
byId("seeds").append(...seeds.map((seed) => build("label", {}, build("input", { type: "checkbox", value: seed, checked: true, onchange: ({ target }) => { setting.seeds[target.checked ? "add" : "delete"](seed); update(); } }), ` ${seed}`)));
byId("all").addEventListener("click", () => { setting.seeds = new Set(seeds); tick(); });
byId("three").addEventListener("click", () => { setting.seeds = new Set(seeds.slice(0, 3)); tick(); });
byId("against").addEventListener("change", ({ target }) => set("against")(target.value));
addEventListener("resize", update);
settle(update);

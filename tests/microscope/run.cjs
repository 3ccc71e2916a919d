// Runs a page's own scripts under Node: node run.cjs PAGE SCRIPTS INPUT. SCRIPTS, how many of the page's scripts to run;
// INPUT, JSON of expressions to evaluate after them. Prints the results as JSON, arrays of float32 as lists.
"use strict";
const fs = require("fs"), vm = require("vm");
const [, , page, count, input] = process.argv;
const html = fs.readFileSync(page, "utf8");
const held = {};
for (const [, id, text] of html.matchAll(/<script type="[^"]*" id="(\w+)">([\s\S]*?)<\/script>/g)) held[id] = { textContent: text };
globalThis.document = { getElementById: (id) => held[id] };
const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, code]) => code).slice(0, Number(count));
for (const code of scripts) vm.runInThisContext(code);
const results = JSON.parse(fs.readFileSync(input, "utf8")).map((code) => vm.runInThisContext(code));
process.stdout.write(JSON.stringify(results, (_, value) => (value instanceof Float32Array ? Array.from(value) : value)));

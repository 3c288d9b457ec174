"use strict";
// The data of the page: packed as deflated JSON in base64, unpacked by the browser itself.

const unpacked = new Map();

async function unpack(id) {
  if (!unpacked.has(id)) unpacked.set(id, readBlock(id));
  return unpacked.get(id);
}

async function readBlock(id) {
  const text = document.getElementById(id).textContent.trim();
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

async function loadTest(entry) {
  const block = await unpack(`block-${entry.block}`);
  const test = block.tests[entry.place];
  return { ...test, runs: test.runs.map((run) => resolve(run, block.values, 0)) };
}

// What repeats in a block is there once: a text of NUL and a number stands for it.
function resolve(value, values, depth) {
  if (typeof value === "string") {
    const number = value.startsWith("\0") ? Number(value.slice(1)) : -1;
    return number in values && depth < 100 ? resolve(values[number], values, depth + 1) : value;
  }
  if (Array.isArray(value)) return value.map((each) => resolve(each, values, depth + 1));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolve(each, values, depth + 1)]));
}

// An index entry is a short list; these are its places.
const FIELDS = ["key", "test", "outcome", "seconds", "runs", "calls", "tools", "tokens", "findings", "toolNames", "models",
  "missed", "causes", "text", "block", "place", "attempt", "session"];

function readEntry(values) {
  const entry = Object.fromEntries(FIELDS.map((name, i) => [name, values[i]]));
  const cut = entry.test.indexOf("::");
  entry.file = cut < 0 ? "" : entry.test.slice(0, cut);
  entry.name = cut < 0 ? entry.test : entry.test.slice(cut + 2);
  entry.words = [entry.test, entry.text, ...entry.toolNames, ...entry.models, ...entry.findings, ...entry.causes, entry.outcome]
    .join("\n").toLowerCase();
  return entry;
}

// Builds an element: make("a", { class: "x", href: "#" }, "text", child). Text is always text, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "";
  if (milliseconds >= 60000) return `${Math.floor(milliseconds / 60000)} min ${Math.round((milliseconds % 60000) / 1000)} s`;
  return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(2)} s` : `${milliseconds.toFixed(1)} ms`;
}

const number = (value) => value.toLocaleString("en");
const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

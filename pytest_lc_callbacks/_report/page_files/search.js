// What stands in the search field, as a function of an index entry.

const NUMBERS = { calls: "calls", tools: "tools", tokens: "tokens", runs: "runs", seconds: "seconds" };
const NAMES = {
  f: (entry) => entry.findings,
  tool: (entry) => entry.toolNames,
  model: (entry) => entry.models,
  missed: (entry) => entry.missed,
  cause: (entry) => entry.causes,
};

function parseSearch(text) {
  const terms = text.match(/-?(?:[a-z]+:)?"[^"]*"?|\S+/g) || [];
  const wanted = terms.filter((term) => term !== "-").map(parseTerm);
  return (entry) => wanted.every((fits) => fits(entry));
}

function parseTerm(term) {
  if (term.startsWith("-") && term.length > 1) {
    const fits = parseTerm(term.slice(1));
    return (entry) => !fits(entry);
  }
  const compared = /^([a-z]+)(>=|<=|>|<|=)(\d+(?:\.\d+)?)$/.exec(term);
  if (compared && Object.hasOwn(NUMBERS, compared[1])) return parseNumber(NUMBERS[compared[1]], compared[2], Number(compared[3]));
  const named = /^([a-z]+):(.*)$/s.exec(term);
  // An outcome is a word of its own: s:failed is not s:xfailed.
  if (named && named[1] === "s") return (entry) => entry.outcome.startsWith(named[2].toLowerCase());
  if (named && Object.hasOwn(NAMES, named[1])) return parseName(NAMES[named[1]], unquote(named[2]));
  const word = unquote(term).toLowerCase();
  return (entry) => entry.words.includes(word);
}

function parseNumber(field, sign, bound) {
  const fits = {
    ">": (n) => n > bound, "<": (n) => n < bound, "=": (n) => n === bound, ">=": (n) => n >= bound, "<=": (n) => n <= bound,
  }[sign];
  return (entry) => fits(entry[field]);
}

function parseName(read, text) {
  const wanted = text.toLowerCase();
  return (entry) => read(entry).some((name) => name.toLowerCase().includes(wanted));
}

const unquote = (text) => text.replaceAll('"', "");

// The address holds what is looked at: #q=search&t=test&r=run&f=finding.
function readAddress() {
  const found = new URLSearchParams(location.hash.slice(1));
  return { q: found.get("q") || "", t: found.get("t") || "", r: found.get("r") || "", f: found.get("f") || "" };
}

function writeAddress(state) {
  const parts = new URLSearchParams();
  for (const name of ["q", "t", "r", "f"]) if (state[name]) parts.set(name, state[name]);
  return `#${parts}`;
}

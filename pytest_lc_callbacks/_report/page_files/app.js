// The page itself: the list, the opened test, the address.

const ICONS = { passed: "✓", failed: "✕", error: "!", skipped: "–", xfailed: "x", xpassed: "X", rerun: "↻", interrupted: "■" };
const FILTERS = [["All", ""], ["Failed", "s:failed"], ["Errors", "s:error"], ["Findings", "f:"], ["Missed runs", "missed:"], ["Model calls", "calls>0"]];
const ROWS = 100;
const page = { entries: [], rows: new Map(), shown: [], listed: 0, state: { q: "", t: "", r: "", f: "" }, opened: "", test: null };
const find = (id) => document.getElementById(id);

async function start() {
  if (typeof DecompressionStream === "undefined") return;
  const index = await unpack("index");
  page.entries = index.tests.map(readEntry);
  for (const entry of page.entries) {
    entry.source = index.sessions[entry.session] || "";
    entry.words += `\n${entry.source.toLowerCase()}`;
  }
  find("plain").hidden = true;
  find("app").hidden = find("tools").hidden = false;
  find("more").addEventListener("click", () => listMore());
  if (typeof IntersectionObserver !== "undefined") new IntersectionObserver(([seen]) => seen.isIntersecting && listMore(), { rootMargin: "600px" }).observe(find("more"));
  makeFilters();
  find("search").addEventListener("input", () => { page.state.q = find("search").value; history.replaceState(null, "", writeAddress(page.state)); filter(); });
  find("help-button").addEventListener("click", toggleHelp);
  window.addEventListener("hashchange", follow);
  document.addEventListener("keydown", shortcut);
  // Who opens a page of one test wants to see that; on a narrow screen its list and sums would be gone.
  if (page.entries.length === 1 && !location.hash && matchMedia("(min-width: 52.01rem)").matches) history.replaceState(null, "", writeAddress({ q: "", t: page.entries[0].key }));
  await follow();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

function makeEntry(entry) {
  const facts = [entry.calls ? counted(entry.calls, "model call") : null, entry.tools ? counted(entry.tools, "tool call") : null,
    entry.tokens ? counted(entry.tokens, "token") : null, entry.runs && !entry.calls && !entry.tools ? counted(entry.runs, "run") : null,
    entry.attempt > 1 ? `attempt ${entry.attempt}` : null].filter(Boolean).join(" · ");
  const tags = [...entry.findings.map((name) => make("span", { class: "tag finding" }, name)),
    entry.missed.length ? make("span", { class: "tag missed" }, "missed runs") : null].filter(Boolean);
  return make("li", {}, make("a", { href: "#", class: entry.outcome, "data-key": entry.key, title: entry.test.length > 120 ? entry.test.slice(0, 1000) : null },
    make("span", { class: "icon", "aria-hidden": "true" }, ICONS[entry.outcome] || "?"),
    make("span", { class: "name" }, make("span", { class: "sr" }, `${entry.outcome}: `), entry.name.slice(0, 400)),
    make("span", { class: "time" }, duration(entry.seconds * 1000)),
    make("span", { class: "file" }, [entry.file, entry.source].filter(Boolean).join(" · ")),
    facts || tags.length ? make("span", { class: "facts" }, facts, facts && tags.length ? " " : "", ...tags.flatMap((tag) => [tag, " "])) : null));
}

function makeFilters() {
  for (const [name, q] of FILTERS) {
    const number = page.entries.filter(parseSearch(q)).length;
    if (q && !number) continue;
    find("filters").append(make("button", { type: "button", "aria-pressed": "false", "data-q": q, onclick: () => go({ ...page.state, q }) }, q ? `${name} ${number.toLocaleString("en")}` : name));
  }
}

function toggleHelp() {
  find("help").hidden = !find("help").hidden;
  find("help-button").setAttribute("aria-expanded", String(!find("help").hidden));
}

// A new place in the history, so that Back returns to where one was.
function go(state) {
  const address = writeAddress(state);
  if (address !== location.hash && !(address === "#" && !location.hash)) location.hash = address;
}

async function follow() {
  const before = page.state;
  page.state = readAddress();
  if (find("search").value !== page.state.q) find("search").value = page.state.q;
  filter();
  await openTest(page.state.t);
  if (!page.test) return;
  const box = find("detail").querySelector(".tree-box");
  if (box) {
    openRun(box, page.test, page.state.r);
    const row = box.querySelector('[aria-selected="true"]');
    if (row && before.r !== page.state.r) row.scrollIntoView({ block: "nearest" });
  }
  if (page.state.f) find(`finding-${page.state.f}`)?.scrollIntoView();
}

function filter() {
  page.shown = page.entries.filter(parseSearch(page.state.q));
  find("count").textContent = page.shown.length === page.entries.length ? counted(page.entries.length, "test") : `${number(page.shown.length)} of ${counted(page.entries.length, "test")}`;
  for (const button of find("filters").children) button.setAttribute("aria-pressed", String(button.dataset.q === page.state.q.trim()));
  page.listed = 0;
  find("list").replaceChildren();
  listMore();
  if (!page.test) showHint();
}

// The list is as long as somebody scrolls: a hundred tests at a time, and those up to the opened one.
function listMore(least = 0) {
  const until = Math.min(page.shown.length, Math.max(page.listed + ROWS, least));
  for (const entry of page.shown.slice(page.listed, until)) {
    if (!page.rows.has(entry.key)) page.rows.set(entry.key, makeEntry(entry));
    const row = page.rows.get(entry.key);
    // A link of the list keeps the search.
    row.firstElementChild.setAttribute("href", writeAddress({ q: page.state.q, t: entry.key }));
    find("list").append(row);
  }
  page.listed = until;
  const left = page.shown.length - until;
  find("more").hidden = left === 0;
  find("more").textContent = `Show ${number(Math.min(left, ROWS))} more of ${number(left)}`;
}

function showHint() {
  if (!page.shown.length) find("detail").replaceChildren(make("p", { class: "empty" }, "No test fits the search."));
  else if (page.entries.length < 2) find("detail").replaceChildren(make("p", { class: "empty" }, "Open the test to see its runs."));
  else find("detail").replaceChildren(makeOverview(page.shown));
}

// Nothing is open: what is worth a look among the tests that fit the search.
function makeOverview(entries) {
  const top = (field) => entries.filter((entry) => entry[field] > 0).sort((a, b) => b[field] - a[field]).slice(0, 6);
  const tests = (title, field, show) => overviewCard(title, top(field).map((entry) => [entry.name, { ...page.state, t: entry.key }, show(entry[field])]));
  const names = (title, field, prefix) => {
    const counts = new Map();
    for (const entry of entries) for (const name of entry[field]) counts.set(name, (counts.get(name) || 0) + 1);
    const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8);
    return overviewCard(title, most.map(([name, times]) => [name, { q: `${prefix}${/\s/.test(name) ? `"${name}"` : name}` }, counted(times, "test")]));
  };
  return make("div", { class: "overview" }, names("Findings", "findings", "f:"), names("Handlers that missed runs", "missed", "missed:"),
    names("Causes", "causes", "cause:"), names("Models", "models", "model:"), names("Tools", "toolNames", "tool:"),
    tests("Most tokens", "tokens", number), tests("Most model calls", "calls", number), tests("Slowest tests", "seconds", (s) => duration(s * 1000)));
}

function overviewCard(title, lines) {
  if (!lines.length) return null;
  return make("section", { class: "card" }, make("h2", {}, title),
    make("ol", {}, ...lines.map(([name, state, says]) => make("li", {}, make("a", { href: writeAddress(state), title: name.slice(0, 1000) }, name.slice(0, 200)), make("span", {}, says)))));
}

async function openTest(key) {
  document.body.classList.toggle("has-test", key !== "");
  if (key === page.opened && (page.test || !key)) return;
  const entry = page.entries.find((each) => each.key === key);
  page.rows.get(page.opened)?.firstElementChild.removeAttribute("aria-current");
  page.opened = key;
  page.test = null;
  if (!entry) {
    showHint();
    if (key) find("detail").replaceChildren(backLink(), make("p", { class: "empty" }, "This page has no such test."));
    return;
  }
  const at = page.shown.indexOf(entry);
  if (at >= page.listed) listMore(at + 1);
  const link = page.rows.get(key)?.firstElementChild;
  link?.setAttribute("aria-current", "true");
  const test = await loadTest(entry);
  if (page.opened !== key) return;
  page.test = test;
  find("detail").replaceChildren(...makeDetail(entry, test));
  // On a narrow screen the list is gone, and with it the focus.
  if (!find("list").offsetParent) { window.scrollTo(0, 0); find("title").focus(); } else if (find("detail").getBoundingClientRect().top < 0) find("detail").scrollIntoView();
}

const backLink = () => make("a", { class: "back", href: writeAddress({ q: page.state.q }) || "#" }, "← All tests");

function makeDetail(entry, test) {
  const facts = [duration(test.duration * 1000), counted(test.totals.runs, "run"), counted(test.totals.model_calls, "model call"),
    counted(test.totals.tool_calls, "tool call"), test.totals.total_tokens ? counted(test.totals.total_tokens, "token") : null].filter(Boolean).join(" · ");
  return [backLink(),
    make("h2", { id: "title", tabindex: -1, class: entry.name.length > 120 ? "long" : null }, entry.name),
    make("p", { class: "path mono" }, test.file ? `${test.file}:${test.line ?? ""}` : entry.file),
    make("div", { class: "row" }, make("span", { class: `badge ${test.outcome}` }, test.outcome), test.attempt > 1 ? make("span", { class: "badge" }, `attempt ${test.attempt}`) : null, make("span", { class: "path" }, facts)),
    make("div", { class: "row" }, copyButton("Copy link", "link", () => location.href.split("#")[0] + writeAddress({ t: entry.key, r: page.state.r })),
      test.runs.length ? copyButton("Copy as assert_run_tree", "assert_run_tree(...)", () => asAssertion(test)) : null,
      copyButton("Copy as prompt", "prompt for a coding agent", () => asPrompt(test))),
    ...test.failures.map((failure) => makeFailure(failure, test.outcome)),
    ...test.subtests.map((subtest) => make("p", { class: "row" }, make("span", { class: `badge ${subtest.outcome}` }, subtest.outcome), `subtest ${subtest.name}`, subtest.message && make("span", { class: "path" }, subtest.message))),
    ...test.findings.map((finding, i) => makeFinding(entry, finding, i)),
    test.causes.length ? make("p", { class: "row path" }, "Explained by: ", ...test.causes.map((cause) => make("code", {}, `python -m pytest_lc_callbacks explain ${cause}`))) : null,
    ...makeRuns(test)].filter(Boolean);
}

const copyButton = (text, what, read) => make("button", { type: "button", onclick: () => copyText(read(), what) }, text);

function makeFailure(failure, outcome) {
  const isBad = outcome === "failed" || outcome === "error" || outcome === "rerun";
  const same = failure.text.trim() === failure.message.trim();
  return make("div", { class: `card ${isBad ? "bad" : ""}` }, make("h3", {}, `${failure.when}: ${failure.message}`),
    same ? null : make("pre", { class: "scroll", tabindex: 0, role: "region", "aria-label": `The failure in ${failure.when}` }, failure.text));
}

function makeFinding(entry, finding, i) {
  const link = writeAddress({ q: page.state.q, t: entry.key, f: String(i + 1) });
  return make("div", { class: "card warn", id: `finding-${i + 1}` }, make("h3", {}, make("a", { href: link }, finding.name), `, at level ${finding.level}`),
    make("p", {}, finding.summary), ...finding.details.map((detail) => make("pre", {}, detail)));
}

function makeRuns(test) {
  if (!test.runs.length) return [make("p", { class: "empty" }, test.watched ? "No LangChain run began in this test." : "The observer was not on in this test: it uses no fixture of pytest-lc-callbacks, and lc_callbacks_observe is not all.")];
  const types = [["chain", ""], ["model", "chat_model"], ["tool", "tool"], ["prompt, parser, retriever", "prompt"]];
  const ears = test.handlers.length ? ["● heard", "○ missed", "◐ heard partly", "2× heard twice", "≠ other payload"] : [];
  const legend = make("p", { class: "legend" }, ...types.map(([name, type]) => make("span", {}, make("span", { class: `type ${type}` }), name)),
    ...ears.map((text) => make("span", {}, text)));
  const open = (r) => go({ ...page.state, r, f: "" });
  return [legend, makeTree(test, page.state, open),
    test.left_out ? make("p", { class: "path" }, `... and ${counted(test.left_out, "more run")}`) : null];
}

function shortcut(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "/" && !isTyping) { event.preventDefault(); find("search").focus(); return; }
  if (event.key === "Escape") { if (isTyping) event.target.blur(); else if (page.state.r) go({ ...page.state, r: "" }); else if (page.state.t) go({ q: page.state.q }); return; }
  if (isTyping || !["j", "k"].includes(event.key) || !page.shown.length) return;
  const at = page.shown.findIndex((entry) => entry.key === page.opened);
  const next = event.key === "j" ? Math.min(page.shown.length - 1, at + 1) : Math.max(0, at - 1);
  go({ q: page.state.q, t: page.shown[next].key });
  if (next >= page.listed) listMore(next + 1);
  page.rows.get(page.shown[next].key).scrollIntoView({ block: "nearest" });
}

start();

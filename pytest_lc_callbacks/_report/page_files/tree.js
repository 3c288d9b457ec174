// The runs of one test: a row each, with its waterfall and a column for each handler.

const DOTS = new Map([["heard", ["●", "heard"]], ["missed", ["○", "missed"]], ["heard partly", ["◐", "odd"]], ["other payload", ["≠", "odd"]]]);

// Of a large tree the first rows are there at once, and the rest after the browser has painted them.
const AT_ONCE = 200;

function makeTree(test, state, open) {
  const rows = walk(test.runs);
  const end = Math.max(1, ...test.runs.map((run) => run.start + (run.duration || 0)));
  const body = make("tbody", { role: "rowgroup" });
  const columns = make("colgroup", {}, ...["run", "time", "fall", ...test.handlers.map(() => "ear")].map((kind) => make("col", { class: kind })));
  const head = make("tr", { role: "row" }, heading("Run"), heading("Time", "time"), heading("", "fall", `0 to ${duration(end)}`),
    ...test.handlers.map((handler) => make("th", { class: "ear", role: "columnheader", scope: "col", title: handler }, make("span", {}, handler))));
  const add = (some) => body.append(...some.map((row) => makeRow(test, row, end)));
  const isLinked = rows.slice(AT_ONCE).some((row) => String(row.run.id) === state.r);
  add(isLinked ? rows : rows.slice(0, AT_ONCE));
  if (!isLinked && rows.length > AT_ONCE) requestAnimationFrame(() => setTimeout(() => add(rows.slice(AT_ONCE))));
  if (body.firstElementChild) body.firstElementChild.tabIndex = 0;
  body.addEventListener("click", (event) => clicked(event, body, open));
  body.addEventListener("keydown", (event) => pressed(event, body, open));
  return make("div", { class: "tree-box" }, make("table", { class: test.handlers.length > 3 ? "tree many" : "tree", role: "treegrid",
    "aria-label": `Runs of ${test.test}` }, columns, make("thead", { role: "rowgroup" }, head), body));
}

function heading(text, kind, title) {
  return make("th", { class: kind, role: "columnheader", scope: "col" }, text || make("span", { class: "sr" }, "Waterfall, "), title || null);
}

function makeRow(test, { run, level, parents }, end) {
  const bar = make("span", { class: `bar ${run.type || ""} ${run.status}` });
  bar.style.left = `${(100 * run.start) / end}%`;
  bar.style.width = `${(100 * (run.duration === null ? end - run.start : run.duration)) / end}%`;
  const label = make("div", { class: "label" },
    make("span", { class: "fold", "aria-hidden": "true" }, parents ? "▾" : ""),
    make("span", { class: `type ${run.type || ""}`, title: run.type || "start not heard" }),
    make("span", { class: run.name.length > 40 ? "name long" : "name" }, run.name),
    make("span", { class: "says" }, [says(run), run.replaced ? "callbacks replaced" : ""].filter(Boolean).join(", ").slice(0, 200)));
  label.style.paddingLeft = `${Math.min(level - 1, 30) * 1.05}rem`;
  return make("tr", {
    class: `run ${run.status}`, role: "row", "aria-level": level, "aria-expanded": parents ? "true" : null, "aria-selected": "false",
    tabindex: -1, "data-run": run.id,
  }, cell(label), cell(duration(run.duration) || "open", "time"), cell(make("span", { class: "lane", "aria-hidden": "true" }, bar), "fall"),
  ...test.handlers.map((handler, i) => cell(makeDot(run.heard[i]), "ear", `${handler}: ${run.heard[i]}`)));
}

const cell = (content, kind, title) => make("td", { class: kind, role: "gridcell", title }, content);

function makeDot(heard) {
  const [sign, kind] = DOTS.get(heard) || [`${(/\d+/.exec(heard) || ["2"])[0]}×`, "odd"];
  return make("span", { class: `dot ${kind}` }, make("span", { "aria-hidden": "true" }, sign), make("span", { class: "sr" }, heard));
}

function clicked(event, body, open) {
  const row = event.target.closest("tr.run");
  if (!row) return;
  if (event.target.closest(".fold") && row.hasAttribute("aria-expanded")) fold(row, row.getAttribute("aria-expanded") === "true");
  else open(row.getAttribute("aria-selected") === "true" ? "" : row.dataset.run);
  focusRow(body, row);
}

function pressed(event, body, open) {
  const row = event.target;
  if (!row.matches("tr.run") || event.ctrlKey || event.metaKey || event.altKey) return;
  const expanded = row.getAttribute("aria-expanded");
  const visible = () => [...body.querySelectorAll("tr.run")].filter((each) => !each.hidden);
  const step = (by) => { const all = visible(); focusRow(body, all[Math.max(0, Math.min(all.length - 1, all.indexOf(row) + by))]); };
  const actions = {
    ArrowDown: () => step(1), ArrowUp: () => step(-1),
    Home: () => focusRow(body, visible()[0]), End: () => focusRow(body, visible().at(-1)),
    ArrowRight: () => (expanded === "false" ? fold(row, false) : step(1)),
    ArrowLeft: () => (expanded === "true" ? fold(row, true) : focusRow(body, parentRow(row) || row)),
    Enter: () => open(row.getAttribute("aria-selected") === "true" ? "" : row.dataset.run),
    " ": () => open(row.getAttribute("aria-selected") === "true" ? "" : row.dataset.run),
  };
  if (!(event.key in actions)) return;
  event.preventDefault();
  event.stopPropagation();
  actions[event.key]();
}

function focusRow(body, row) {
  for (const each of body.querySelectorAll('[tabindex="0"].run')) each.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
}

const level = (row) => Number(row.getAttribute("aria-level"));

function parentRow(row) {
  let each = row.previousElementSibling;
  while (each && !(each.matches("tr.run") && level(each) < level(row))) each = each.previousElementSibling;
  return each;
}

function fold(row, closed) {
  row.setAttribute("aria-expanded", String(!closed));
  row.querySelector(".fold").textContent = closed ? "▸" : "▾";
  let hiddenBelow = closed ? level(row) : Infinity;
  for (let each = row.nextElementSibling; each; each = each.nextElementSibling) {
    if (!each.matches("tr.run")) { each.hidden = each.previousElementSibling.hidden; continue; }
    if (level(each) <= level(row)) break;
    if (level(each) <= hiddenBelow) hiddenBelow = closed ? level(row) : Infinity;
    each.hidden = level(each) > hiddenBelow;
    if (!each.hidden && each.getAttribute("aria-expanded") === "false") hiddenBelow = level(each);
  }
}

function reveal(body, row) {
  for (let above = parentRow(row); above; above = parentRow(above)) if (above.getAttribute("aria-expanded") === "false") fold(above, false);
}

// The payloads of the opened run stand in a row below it.
function openRun(box, test, id) {
  const body = box.querySelector("tbody");
  for (const each of body.querySelectorAll("tr.opened")) each.remove();
  for (const each of body.querySelectorAll('[aria-selected="true"]')) each.setAttribute("aria-selected", "false");
  const row = id === "" ? null : body.querySelector(`[data-run="${CSS.escape(id)}"]`);
  if (!row) return;
  reveal(body, row);
  row.setAttribute("aria-selected", "true");
  const run = test.runs[Number(id)];
  row.after(make("tr", { class: "opened", role: "row" }, make("td", { class: "payload", role: "gridcell", colspan: 3 + test.handlers.length }, ...makePayload(test, run))));
}

function makePayload(test, run) {
  const usage = run.usage ? `${counted(run.usage.total_tokens || 0, "token")} (${number(run.usage.input_tokens || 0)} in, ${number(run.usage.output_tokens || 0)} out)` : null;
  const facts = [run.type || "start not heard", run.status, duration(run.duration), run.model ? `model ${run.model}` : null, usage,
    run.phase === "call" ? null : `began in ${run.phase}`].filter(Boolean);
  const parts = [["Error", run.error && `${run.error.type}: ${run.error.message}`], ["Inputs", run.inputs], ["Outputs", run.outputs],
    ["Tool calls", run.tool_calls], ["Custom events", run.custom], ["Options", run.options], ["Tags", run.tags], ["Metadata", run.metadata],
    ["Events", run.events.map(([name, at, times]) => `${duration(at).padStart(9)}  ${name}${times > 1 ? ` × ${number(times)}` : ""}`).join("\n")]];
  return [make("p", { class: "facts" }, ...facts.map((fact) => make("span", {}, fact))),
    ...parts.filter(([, value]) => !isEmpty(value)).map(([title, value]) => makePart(title, value))];
}

function isEmpty(value) {
  return value === null || value === undefined || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

function makePart(title, value) {
  const text = typeof value === "string" ? value : showValue(title, value);
  const box = make("pre", { tabindex: 0, role: "region", "aria-label": title }, text);
  return make("div", { class: "part" }, make("h3", {}, title,
    make("button", { type: "button", onclick: () => copyText(text, title.toLowerCase()), "aria-label": `Copy ${title.toLowerCase()}` }, "Copy")), box);
}

// Messages read like a conversation; all else is JSON with real line ends in its texts.
function showValue(title, value) {
  const messages = Array.isArray(value) ? value : value.messages;
  const isTalk = Array.isArray(messages) && messages.length > 0 && Object.keys(value).length === (Array.isArray(value) ? value.length : 1)
    && messages.every((each) => each && typeof each === "object" && typeof each.type === "string" && ("content" in each || "tool_calls" in each));
  if (isTalk) return messages.map(showMessage).join("\n\n");
  if (value && typeof value === "object" && typeof value.type === "string" && ("content" in value || "tool_calls" in value)) return showMessage(value);
  if (title === "Tool calls") return value.map(showCall).join("\n");
  return JSON.stringify(value, null, 2);
}

const showCall = (call) => `${call.name}(${Object.entries(call.args || {}).map(([name, arg]) => `${name}=${JSON.stringify(arg)}`).join(", ")})`;

function showMessage(message) {
  const lines = [typeof message.content === "string" ? message.content : JSON.stringify(message.content ?? "", null, 2),
    ...(message.tool_calls || []).map((call) => `→ ${showCall(call)}`)].filter((line) => line && line !== '""');
  return `${message.type}${message.name ? ` ${message.name}` : ""}: ${lines.join("\n")}`;
}

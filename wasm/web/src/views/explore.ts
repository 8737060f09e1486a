// The Explore view: every Redis of the repository, and how it is built and reached.
import { check, core, messages, navigate, onchange, progress, setHash, state, status } from "../app";
import { Cancelled } from "../core";
import { again, byId, copyButton, fill, h, plural, svg, unpressed } from "../dom";
import type { Found, Instance } from "../types";
import { only } from "./lint";

let found: Found | undefined;
let counts = new Map<string, number>();
let counted = false;
let chosen = "";
let stale = true;

const id = (i: Instance) => [i.application, i.kind, i.namespace, i.name].join("/");
const sentinels = (i: Instance) => (i.sentinel ? i.watchers || Math.max(i.sentinel.hosts?.length ?? 0, 1) : 0);
// One sentinel is said to be one; how many there are behind a Service may not be known.
const watchers = (i: Instance) => (i.watchers || (i.sentinel?.hosts?.length ?? 0) > 1 ? plural(sentinels(i), "sentinel") : "sentinels");
const topology = (i: Instance) =>
  [i.cluster ? "cluster" : "", i.replicas ? plural(i.replicas, "copy").replace("copys", "copies") : "", i.sentinel ? watchers(i) : ""]
    .filter(Boolean)
    .join(", ") || "unknown";
const url = (i: Instance) => i.clients.url ?? i.sentinels.url ?? "";

let current = 0; // the opening that found is of

async function run() {
  if (!state.opened) return;
  stale = false;
  if (current !== state.opening) {
    // What was found in another repository is not to be read as what is in this one.
    [found, current] = [undefined, state.opening];
    fill(byId("explore"), h("p", { class: "muted" }, "Loading…"));
  }
  const mine = state.opening;
  try {
    const all = await core.call<Found>("instances", {}, progress("Rendered"));
    if (mine !== state.opening) return;
    found = all;
    status("Ready", "ok");
    if (!found.instances.some((i) => id(i) === chosen)) chosen = found.instances[0] ? id(found.instances[0]) : "";
    counted = false;
    draw();
    const report = (await check(progress("Linted"))).report;
    if (mine !== state.opening) return;
    counts = new Map();
    for (const f of report?.findings ?? [])
      if (f.resource && !f.suppressed) {
        const k = f.resource.kind + "/" + f.resource.name;
        counts.set(k, (counts.get(k) ?? 0) + 1);
      }
    counted = true;
    status("Ready", "ok");
    drawRows();
  } catch (e) {
    if (!(e instanceof Cancelled)) return fill(byId("explore"), h("p", { class: "card bad", role: "alert" }, messages(e).join("; ")));
    stale = true;
    if (!found)
      fill(
        byId("explore"),
        h(
          "div",
          { class: "card" },
          h("h3", {}, "Cancelled"),
          h("div", { class: "row" }, h("button", { type: "button", onclick: () => void run() }, "Retry")),
        ),
      );
  }
}

interface Column {
  title: string;
  width: string; // of 100
  text(i: Instance): string | number;
  cell?(i: Instance): Parameters<typeof h>[2];
}

const size = (text: string) => {
  const m = /^([\d.]+)([KMGT]?)/.exec(text);
  return m ? Number(m[1]) * 1024 ** " KMGT".indexOf(m[2] || " ") : 0;
};
const columns: Column[] = [
  { title: "Redis", width: "14", text: (i) => i.name },
  { title: "Application", width: "9", text: (i) => i.application },
  { title: "Operator", width: "11", text: (i) => i.operator, cell: (i) => [i.operator, i.version && h("small", {}, " " + i.version)] },
  { title: "Topology", width: "14", text: (i) => i.replicas, cell: topology },
  { title: "Memory", width: "7", text: (i) => size(i.memory), cell: (i) => i.memory || "no limit" },
  { title: "Volume", width: "5", text: (i) => size(i.persistence), cell: (i) => i.persistence || "none" },
  {
    title: "Password",
    width: "13",
    text: (i) => i.auth?.secret ?? "",
    cell: (i) => (i.auth ? i.auth.secret : h("span", { class: "bad-text" }, "none")),
  },
  { title: "URL", width: "20", text: url, cell: (i) => h("code", { title: url(i) }, url(i).replace(/^[\w-]+:\/\/(.*@)?/, "")) },
  {
    title: "Findings",
    width: "7",
    text: (i) => count(i),
    cell: (i) =>
      !counted
        ? "…"
        : count(i) === 0
          ? "0"
          : h(
              "button",
              {
                type: "button",
                class: "link",
                "aria-label": `${plural(count(i), "finding")} of ${i.name}`,
                onclick: () => {
                  only(`${i.kind}/${i.name}`);
                  navigate.to("lint");
                },
              },
              count(i),
            ),
  },
];
const count = (i: Instance) => counts.get(i.kind + "/" + i.name) ?? 0;
const sort = { by: 0, down: false };
let words = "";
let rows: Instance[] = [];

// Every row has the same height, so that of a thousand only those in view are there.
const rowHeight = 42;

function select() {
  const { text } = columns[sort.by]!;
  rows = (found?.instances ?? []).filter(
    (i) => !words || [i.name, i.namespace, i.application, i.operator, url(i)].join(" ").toLowerCase().includes(words.toLowerCase()),
  );
  if (sort.by || sort.down)
    rows.sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (sort.down ? -1 : 1);
    });
}

// The rows that are in the document. While they cover what is in view they stay.
let drawn = { from: 0, to: 0 };

function scrolled(wrap: HTMLElement) {
  const top = Math.floor(wrap.scrollTop / rowHeight);
  const end = Math.min(rows.length, Math.ceil((wrap.scrollTop + wrap.clientHeight) / rowHeight));
  if (top < drawn.from || end > drawn.to) drawRows();
}

function drawRows() {
  if (!unpressed(drawRows)) return;
  const body = document.getElementById("redises");
  if (!body) return;
  select();
  const wrap = body.closest(".table-wrap")!;
  const from = rows.length <= 60 ? 0 : Math.max(0, Math.floor(wrap.scrollTop / rowHeight) - 10);
  const to = rows.length <= 60 ? rows.length : Math.min(rows.length, from + Math.ceil(wrap.clientHeight / rowHeight) + 20);
  drawn = { from, to };
  const space = (n: number) => {
    const tr = h("tr", { "aria-hidden": "true", class: "space" }, h("td", { colspan: columns.length }));
    tr.style.height = n * rowHeight + "px";
    return n > 0 && tr;
  };
  again(() =>
    fill(
      body,
      space(from),
      rows.slice(from, to).map((i, n) =>
        h(
          "tr",
          { class: id(i) === chosen ? "chosen" : "", "aria-rowindex": from + n + 2, onclick: () => choose(i) },
          h(
            "th",
            { scope: "row" },
            h("button", { id: "redis/" + id(i), type: "button", class: "link", "aria-pressed": String(id(i) === chosen) }, i.name),
            i.namespace && h("small", {}, " " + i.namespace),
          ),
          columns.slice(1).map((c) => h("td", {}, c.cell ? c.cell(i) : c.text(i))),
        ),
      ),
      space(rows.length - to),
    ),
  );
  body.parentElement!.setAttribute("aria-rowcount", String(rows.length + 1));
  byId("redis-count").textContent =
    rows.length === found?.instances.length ? plural(rows.length, "instance") : `${rows.length} of ${found?.instances.length}`;
  for (const n of columns.keys())
    byId("sort-" + n)
      .closest("th")!
      .setAttribute("aria-sort", n !== sort.by ? "none" : sort.down ? "descending" : "ascending");
}

function choose(i: Instance) {
  chosen = id(i);
  drawRows();
  drawDetail();
}

function draw() {
  const all = found?.instances ?? [];
  if (!all.length)
    return fill(
      byId("explore"),
      h(
        "div",
        { class: "card" },
        h("h3", {}, "No Redis in this repository"),
        h("div", { class: "row" }, h("button", { type: "button", class: "primary", onclick: () => navigate.to("scaffold") }, "Create one")),
      ),
    );
  const wrap = h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Every Redis" },
    h(
      "table",
      {},
      h("caption", { class: "sr" }, "Redis instances in the repository"),
      h(
        "colgroup",
        {},
        columns.map((c) => h("col", { width: c.width + "%" })),
      ),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((c, n) =>
            h(
              "th",
              { scope: "col" },
              h(
                "button",
                {
                  type: "button",
                  id: "sort-" + n,
                  onclick: () => {
                    sort.down = sort.by === n && !sort.down;
                    sort.by = n;
                    drawRows();
                  },
                },
                c.title,
              ),
            ),
          ),
        ),
      ),
      h("tbody", { id: "redises" }),
    ),
  );
  wrap.addEventListener("scroll", () => requestAnimationFrame(() => scrolled(wrap)), { passive: true });
  fill(
    byId("explore"),
    h(
      "div",
      { class: "row between" },
      h("h2", { id: "redis-count", class: "summary" }),
      h(
        "span",
        {},
        h("label", { class: "sr", for: "redis-search" }, "Search Redis instances"),
        h("input", {
          id: "redis-search",
          type: "search",
          placeholder: "Search",
          value: words,
          oninput: (e: Event) => {
            words = (e.target as HTMLInputElement).value;
            drawRows();
          },
        }),
      ),
    ),
    wrap,
    h("div", { id: "redis" }),
    found!.problems.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, plural(found!.problems.length, "problem")),
        h(
          "ul",
          {},
          found!.problems.slice(0, 200).map((p) => h("li", {}, `${p.file}:${p.line} ${p.message}`)),
        ),
      ),
  );
  drawRows();
  drawDetail();
}

function drawDetail() {
  const all = found?.instances ?? [];
  const i = all.find((i) => id(i) === chosen) ?? all[0];
  const box = document.getElementById("redis");
  if (box && i) again(() => fill(box, detail(i)));
}

let format = "url";

function detail(i: Instance) {
  const formats = [...new Set([...Object.keys(i.clients), ...Object.keys(i.sentinels)])];
  if (!formats.includes(format)) format = formats[0] ?? "url";
  const block = (title: string, text: string | undefined) =>
    text !== undefined &&
    h(
      "div",
      { class: "block" },
      h(
        "div",
        { class: "row between" },
        h("h4", {}, title),
        copyButton(() => text),
      ),
      h("pre", { class: "code", tabindex: 0, "aria-label": title }, text),
    );
  return h(
    "div",
    { class: "card instance" },
    h("h3", {}, i.name),
    h("p", { class: "muted" }, `${i.kind} at ${i.where}`),
    h("div", { class: "diagram", tabindex: 0, role: "region", "aria-label": "Topology" }, drawing(i)),
    (i.notes?.length ?? 0) > 0 &&
      h(
        "ul",
        {},
        i.notes!.map((n) => h("li", {}, n)),
      ),
    h(
      "div",
      { class: "field inline" },
      h("label", { for: "format" }, "Connect with"),
      h(
        "select",
        {
          id: "format",
          onchange: (e: Event) => {
            format = (e.target as HTMLSelectElement).value;
            drawDetail();
          },
        },
        formats.map((f) => h("option", { value: f, selected: f === format }, f)),
      ),
    ),
    block("Through the Service", i.clients[format]),
    block("Through the sentinels", i.sentinels[format]),
  );
}

// drawing shows clients, Service, master, replicas and sentinels. Its text alternative says the same.
function drawing(i: Instance) {
  const replicas = Math.max(0, Math.min(i.replicas || 1, 7) - 1);
  const watching = i.sentinel ? Math.min(7, Math.max(sentinels(i), 1)) : 0;
  const users = i.usedBy.slice(0, 6);
  const more = i.usedBy.length - users.length;
  const step = 54;
  const top = 30;
  const y = (n: number) => top + n * step;
  const rowsHigh = Math.max(users.length + (more > 0 ? 1 : 0), replicas + 1, i.read ? 2 : 1);
  const height = top + rowsHigh * step + (watching ? 76 : 0);
  const out: SVGElement[] = [];
  const clip = (s: string, w: number) => (s.length > w / 7.6 ? s.slice(0, Math.floor(w / 7.6) - 1) + "…" : s);
  const box = (x: number, at: number, w: number, cls: string, title: string, small = "") =>
    out.push(
      svg(
        "g",
        { class: "node " + cls, transform: `translate(${x} ${at})` },
        svg("title", {}, title),
        svg("rect", { width: w, height: 42, rx: 8 }),
        svg("text", { x: w / 2, y: small ? 18 : 26, "text-anchor": "middle" }, clip(title, w)),
        small && svg("text", { x: w / 2, y: 33, "text-anchor": "middle", class: "small" }, clip(small, w)),
      ),
    );
  const line = (x1: number, y1: number, x2: number, y2: number, cls = "") =>
    out.push(svg("path", { class: "edge " + cls, d: `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}` }));
  const arrow = (x: number, at: number, cls = "") => out.push(svg("path", { class: "head " + cls, d: `M${x} ${at}l-8 -4.5v9z` }));
  const note = (x: number, at: number, text: string, anchor = "middle") =>
    out.push(svg("text", { x, y: at, "text-anchor": anchor, class: "small" }, text));
  // Without a Service of the master, clients ask the sentinels for it and then connect to it.
  const asked = !i.write && i.sentinel !== undefined;
  const service = i.write?.service ?? i.sentinel?.service ?? "";
  // Edges first, so that boxes lie on top.
  for (const n of users.keys()) line(190, y(n) + 21, 262, y(0) + 21);
  if (users.length && service) arrow(270, y(0) + 21);
  if (asked) {
    line(470, y(0) + 14, 540, y(0) + 14, "watch");
    note(505, y(0) + 8, "master?");
    const under = y(0) + 50;
    if (users.length)
      out.push(
        svg("path", {
          class: "edge",
          d: `M190 ${y(0) + 32}C225 ${y(0) + 32} 225 ${under} 270 ${under}H470C515 ${under} 505 ${y(0) + 32} 532 ${y(0) + 32}`,
        }),
      );
    if (users.length) arrow(540, y(0) + 32);
  } else if (service) {
    line(470, y(0) + 21, 532, y(0) + 21);
    arrow(540, y(0) + 21);
  }
  for (let n = 1; i.read && n <= replicas; n++) {
    line(470, y(1) + 21, 532, y(n) + 21);
    arrow(540, y(n) + 21);
  }
  // Replication goes down at the side of the pods.
  if (replicas) {
    out.push(svg("path", { class: "edge replica", d: `M740 ${y(0) + 21}h20V${y(replicas) + 21}` }));
    for (let n = 1; n <= replicas; n++)
      out.push(
        svg("path", { class: "edge replica", d: `M760 ${y(n) + 21}h-11` }),
        svg("path", { class: "head replica", d: `M741 ${y(n) + 21}l8 -4.5v9z` }),
      );
  }
  note(95, 18, "Clients");
  note(370, 18, asked ? "Sentinels" : "Service");
  note(640, 18, "Pods");
  if (users.length) for (const [n, u] of users.entries()) box(0, y(n), 190, "client", u.name, u.kind);
  else box(0, y(0), 190, "none", "no workload in this repository");
  if (more > 0) note(95, y(users.length) + 24, `and ${more} more`);
  if (service)
    box(
      270,
      y(0),
      200,
      asked ? "sentinel" : "service",
      service,
      asked ? `port ${i.sentinel!.port || "?"}` : `port ${i.write!.port || "?"}`,
    );
  if (i.read) box(270, y(1), 200, "service", i.read.service, "reads");
  box(540, y(0), 200, "master", i.cluster ? "masters" : "master", i.memory || "no memory limit");
  for (let n = 1; n <= replicas; n++) box(540, y(n), 200, "pod", "replica " + n, n === 1 ? "replicates the master" : "");
  if (watching) {
    const sy = y(rowsHigh) + 22;
    const known = watchers(i) !== "sentinels";
    const w = Math.min(190, (740 - (watching - 1) * 12) / watching);
    const left = 740 - watching * w - (watching - 1) * 12;
    out.push(
      svg("path", { class: "edge watch", d: `M640 ${sy - 16}V${y(replicas) + 44}` }),
      svg("path", { class: "edge watch", d: `M${left} ${sy - 8}V${sy - 16}H740V${sy - 8}` }),
    );
    note(left - 12, sy + 26, "monitor and fail over", "end");
    for (let n = 0; n < watching; n++)
      box(left + n * (w + 12), sy, w, "sentinel", known ? "sentinel " + (n + 1) : "sentinels", i.sentinel!.master);
  }
  const path = asked ? `the sentinels (${service}), which name the master → ` : `${service || "the pods"} → `;
  const text = `${i.usedBy.length ? i.usedBy.map((u) => u.name).join(", ") : "no workload in this repository"} → ${path}a master and ${plural(replicas, "replica")}${watching ? ", watched by " + watchers(i) : ""}`;
  return svg("svg", { viewBox: `0 0 764 ${height}`, role: "img", "aria-label": text, class: "topology" }, out as unknown as Node[]);
}

export function init() {
  fill(byId("explore"), h("p", { class: "muted" }, "Loading…"));
  onchange(() => {
    stale = true;
    if (!byId("explore").hidden) void run();
  });
}

export function show() {
  setHash("explore");
  if (stale) void run();
}

// failed is called when there is no repository to look at, and none to come.
export function failed() {
  fill(byId("explore"), h("p", { class: "muted" }, "No repository is open."));
}

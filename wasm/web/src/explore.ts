// The Explore view: every Redis of the repository, and how it is built and reached.
import { core, messages, onchange, progress, setHash, state, status } from "./app";
import { Cancelled } from "./core";
import { byId, copyButton, fill, h, plural, svg } from "./dom";
import type { Found, Instance, Linted } from "./types";

let found: Found | undefined;
let counts = new Map<string, number>();
let chosen = "";
let stale = true;

const id = (i: Instance) => [i.application, i.kind, i.namespace, i.name].join("/");
const topology = (i: Instance) => [i.cluster ? "cluster" : "", i.replicas ? plural(i.replicas, "copy").replace("copys", "copies") : "", i.sentinel ? plural(i.sentinel.hosts?.length > 1 ? i.sentinel.hosts.length : 0, "sentinel").replace("0 sentinels", "sentinels") : ""].filter(Boolean).join(", ") || "unknown";

async function run() {
  if (!state.opened) return;
  stale = false;
  try {
    found = await core.call<Found>("instances", {}, progress("Rendered"));
    status("Ready", "ok");
    if (!found.instances.some((i) => id(i) === chosen)) chosen = found.instances[0] ? id(found.instances[0]) : "";
    draw();
    const report = (await core.call<Linted>("lint", { strict: state.strict })).report!;
    counts = new Map();
    for (const f of report.findings) if (f.resource && !f.suppressed) {
      const k = f.resource.kind + "/" + f.resource.name;
      counts.set(k, (counts.get(k) ?? 0) + 1);
    }
    draw();
  } catch (e) {
    if (!(e instanceof Cancelled)) fill(byId("explore"), h("p", { class: "card bad", role: "alert" }, messages(e).join("; ")));
  }
}

function draw() {
  const all = found?.instances ?? [];
  if (!all.length) return fill(byId("explore"), h("p", { class: "card" }, "There is no Redis in this repository."));
  const focused = document.activeElement?.id; // of what is drawn anew
  const head = ["Redis", "Application", "Operator", "Topology", "Memory", "Disk", "Password", "Findings"];
  fill(byId("explore"),
    h("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Every Redis" },
      h("table", {}, h("caption", { class: "sr" }, "Every Redis of the repository"), h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, all.map((i) =>
          h("tr", { class: id(i) === chosen ? "chosen" : "" },
            h("th", { scope: "row" }, h("button", { id: "redis/" + id(i), type: "button", class: "link", "aria-pressed": id(i) === chosen ? "true" : "false", onclick: () => { chosen = id(i); draw(); } }, i.name), i.namespace && h("small", {}, " " + i.namespace)),
            h("td", {}, i.application), h("td", {}, i.operator, i.version && h("small", {}, " " + i.version)), h("td", {}, topology(i)), h("td", {}, i.memory || "no limit"), h("td", {}, i.persistence || "none"),
            h("td", {}, i.auth ? `Secret ${i.auth.secret}` : h("span", { class: "bad-text" }, "none")), h("td", {}, counts.get(i.kind + "/" + i.name) ?? 0)))))),
    detail(all.find((i) => id(i) === chosen) ?? all[0]!),
    found!.problems.length > 0 && h("details", {}, h("summary", {}, plural(found!.problems.length, "problem")), h("ul", {}, found!.problems.map((p) => h("li", {}, `${p.file}:${p.line} ${p.message}`)))));
  if (focused) document.getElementById(focused)?.focus();
}

let format = "url";

function detail(i: Instance) {
  const formats = [...new Set([...Object.keys(i.clients), ...Object.keys(i.sentinels)])];
  if (!formats.includes(format)) format = formats[0] ?? "url";
  const block = (title: string, text: string | undefined) => text !== undefined && h("div", {}, h("div", { class: "row between" }, h("h4", {}, title), copyButton(() => text)), h("pre", { class: "code", tabindex: 0, "aria-label": title }, text));
  return h("div", { class: "card instance" },
    h("h3", {}, i.name), h("p", { class: "muted" }, `${i.kind} at ${i.where}`),
    h("div", { class: "diagram", tabindex: 0, role: "region", "aria-label": "Topology" }, drawing(i)),
    (i.notes?.length ?? 0) > 0 && h("ul", {}, i.notes!.map((n) => h("li", {}, n))),
    h("div", { class: "field inline" }, h("label", { for: "format" }, "Connect with"), h("select", { id: "format", onchange: (e: Event) => { format = (e.target as HTMLSelectElement).value; draw(); } }, formats.map((f) => h("option", { value: f, selected: f === format }, f)))),
    block("By its Service", i.clients[format]), block("By way of the sentinels", i.sentinels[format]));
}

// drawing shows clients, Service, master, replicas and sentinels. Its text alternative says the same.
function drawing(i: Instance) {
  const replicas = Math.max(0, Math.min(i.replicas || 1, 7) - 1);
  const sentinels = i.sentinel ? Math.min(7, i.sentinel.hosts?.length > 1 ? i.sentinel.hosts.length : 3) : 0;
  const users = i.usedBy.slice(0, 5);
  const width = 720;
  const rowsHigh = Math.max(users.length, replicas + 1, 1);
  const height = 70 + rowsHigh * 56 + (sentinels ? 70 : 0);
  const text = `${i.usedBy.length ? i.usedBy.map((u) => u.name).join(", ") : "no workload here"} → ${i.write?.service ?? "the sentinels"} → a master and ${plural(replicas, "replica")}${i.sentinel ? ", watched by sentinels" : ""}`;
  const out: SVGElement[] = [];
  const box = (x: number, y: number, w: number, cls: string, title: string, small = "") => {
    out.push(svg("g", { class: "node " + cls, transform: `translate(${x} ${y})` }, svg("rect", { width: w, height: 42, rx: 8 }),
      svg("text", { x: w / 2, y: small ? 18 : 26, "text-anchor": "middle" }, clip(title, w)), small && svg("text", { x: w / 2, y: 33, "text-anchor": "middle", class: "small" }, clip(small, w))));
  };
  const clip = (s: string, w: number) => (s.length > w / 7.4 ? s.slice(0, Math.floor(w / 7.4) - 1) + "…" : s);
  const line = (x1: number, y1: number, x2: number, y2: number, cls = "") => out.push(svg("path", { class: "edge " + cls, d: `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}` }));
  const top = 30;
  const y = (n: number) => top + n * 56;
  const service = i.write?.service ?? i.sentinel?.host ?? "";
  users.forEach((_, n) => line(180, y(n) + 21, 260, y(0) + 21));
  if (service) line(440, y(0) + 21, 520, y(0) + 21);
  for (let n = 1; n <= replicas; n++) line(520, y(0) + 21, 520, y(n) + 21, "replica");
  const labels = [["Clients", 90], ["Service", 350], ["Pods", 610]] as const;
  for (const [t, x] of labels) out.push(svg("text", { x, y: 18, "text-anchor": "middle", class: "small" }, t));
  if (users.length) users.forEach((u, n) => box(0, y(n), 180, "client", u.name, u.kind));
  else box(0, y(0), 180, "none", "no workload here");
  if (service) box(260, y(0), 180, "service", service, i.write ? `port ${i.write.port || "?"}` : "sentinels");
  if (i.read) box(260, y(1), 180, "service", i.read.service, "reads");
  box(520, y(0), 190, "master", i.cluster ? "masters" : "master", i.memory || "no memory limit");
  for (let n = 1; n <= replicas; n++) box(520, y(n), 190, "replica", "replica " + n);
  const sy = top + rowsHigh * 56 + 18;
  for (let n = 0; n < sentinels; n++) {
    const w = Math.min(160, 700 / sentinels - 10);
    box(n * (w + 10), sy, w, "sentinel", "sentinel", i.sentinel!.master);
  }
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text, class: "topology" }, out as unknown as Node[]);
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

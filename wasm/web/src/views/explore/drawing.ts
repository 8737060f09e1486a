// The topology of an instance.
import { plural, svg } from "../../dom";
import type { Instance } from "../../types";
import { sentinels, watchers } from "./facts";

const step = 54;
const top = 30;
const y = (n: number) => top + n * step;

// Canvas collects what is drawn.
class Canvas {
  readonly out: SVGElement[] = [];

  box(x: number, at: number, w: number, cls: string, title: string, small = "") {
    const clip = (s: string) => (s.length > w / 7.6 ? s.slice(0, Math.floor(w / 7.6) - 1) + "…" : s);
    this.out.push(
      svg(
        "g",
        { class: "node " + cls, transform: `translate(${x} ${at})` },
        svg("title", {}, title),
        svg("rect", { width: w, height: 42, rx: 8 }),
        svg("text", { x: w / 2, y: small ? 18 : 26, "text-anchor": "middle" }, clip(title)),
        small && svg("text", { x: w / 2, y: 33, "text-anchor": "middle", class: "small" }, clip(small)),
      ),
    );
  }

  path(d: string, cls = "") {
    this.out.push(svg("path", { class: "edge " + cls, d }));
  }

  line(x1: number, y1: number, x2: number, y2: number, cls = "") {
    this.path(`M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`, cls);
  }

  // head is the head of an arrow to the right, or to the left.
  head(x: number, at: number, cls = "", left = false) {
    this.out.push(svg("path", { class: "head " + cls, d: left ? `M${x} ${at}l8 -4.5v9z` : `M${x} ${at}l-8 -4.5v9z` }));
  }

  note(x: number, at: number, text: string, anchor = "middle") {
    this.out.push(svg("text", { x, y: at, "text-anchor": anchor, class: "small" }, text));
  }
}

// plan is what there is to draw.
function plan(i: Instance) {
  const users = i.usedBy.slice(0, 6);
  const more = i.usedBy.length - users.length;
  const replicas = Math.max(0, Math.min(i.replicas || 1, 7) - 1);
  return {
    i,
    users,
    more,
    replicas,
    watching: i.sentinel ? Math.min(7, Math.max(sentinels(i), 1)) : 0,
    // Without a Service of the master, clients ask the sentinels for it and then connect to it.
    asked: !i.write && i.sentinel !== undefined,
    service: i.write?.service ?? i.sentinel?.service ?? "",
    rows: Math.max(users.length + (more > 0 ? 1 : 0), replicas + 1, i.read ? 2 : 1),
  };
}

type Plan = ReturnType<typeof plan>;

function edges(c: Canvas, { i, users, replicas, asked, service }: Plan) {
  for (const n of users.keys()) c.line(190, y(n) + 21, 262, y(0) + 21);
  if (users.length && service) c.head(270, y(0) + 21);
  if (asked) {
    c.line(470, y(0) + 14, 540, y(0) + 14, "watch");
    c.note(505, y(0) + 8, "master?");
    const under = y(0) + 50;
    if (users.length) {
      c.path(`M190 ${y(0) + 32}C225 ${y(0) + 32} 225 ${under} 270 ${under}H470C515 ${under} 505 ${y(0) + 32} 532 ${y(0) + 32}`);
      c.head(540, y(0) + 32);
    }
  } else if (service) {
    c.line(470, y(0) + 21, 532, y(0) + 21);
    c.head(540, y(0) + 21);
  }
  for (let n = 1; i.read && n <= replicas; n++) {
    c.line(470, y(1) + 21, 532, y(n) + 21);
    c.head(540, y(n) + 21);
  }
  // Replication goes down at the side of the pods.
  if (replicas) c.path(`M740 ${y(0) + 21}h20V${y(replicas) + 21}`, "replica");
  for (let n = 1; n <= replicas; n++) {
    c.path(`M760 ${y(n) + 21}h-11`, "replica");
    c.head(741, y(n) + 21, "replica", true);
  }
}

function boxes(c: Canvas, { i, users, more, replicas, asked, service }: Plan) {
  c.note(95, 18, "Clients");
  c.note(370, 18, asked ? "Sentinels" : "Service");
  c.note(640, 18, "Pods");
  for (const [n, u] of users.entries()) c.box(0, y(n), 190, "client", u.name, u.kind);
  if (!users.length) c.box(0, y(0), 190, "none", "no workload in this repository");
  if (more > 0) c.note(95, y(users.length) + 24, `and ${more} more`);
  const port = (asked ? i.sentinel : i.write)?.port || "?";
  if (service) c.box(270, y(0), 200, asked ? "sentinel" : "service", service, `port ${port}`);
  if (i.read) c.box(270, y(1), 200, "service", i.read.service, "reads");
  c.box(540, y(0), 200, "master", i.cluster ? "masters" : "master", i.memory || "no memory limit");
  for (let n = 1; n <= replicas; n++) c.box(540, y(n), 200, "pod", "replica " + n, n === 1 ? "replicates the master" : "");
}

// watch draws the sentinels below the pods.
function watch(c: Canvas, { i, replicas, watching, rows }: Plan) {
  if (!watching) return;
  const sy = y(rows) + 22;
  const known = watchers(i) !== "sentinels";
  const w = Math.min(190, (740 - (watching - 1) * 12) / watching);
  const left = 740 - watching * w - (watching - 1) * 12;
  c.path(`M640 ${sy - 16}V${y(replicas) + 44}`, "watch");
  c.path(`M${left} ${sy - 8}V${sy - 16}H740V${sy - 8}`, "watch");
  c.note(left - 12, sy + 26, "monitor and fail over", "end");
  for (let n = 0; n < watching; n++)
    c.box(left + n * (w + 12), sy, w, "sentinel", known ? "sentinel " + (n + 1) : "sentinels", i.sentinel!.master);
}

// drawing shows clients, Service, master, replicas and sentinels. Its text alternative says the same.
export function drawing(i: Instance) {
  const p = plan(i);
  const c = new Canvas();
  edges(c, p); // first, so that boxes lie on top
  boxes(c, p);
  watch(c, p);
  const height = y(p.rows) + (p.watching ? 76 : 0);
  const path = p.asked ? `the sentinels (${p.service}), which name the master → ` : `${p.service || "the pods"} → `;
  const clients = i.usedBy.length ? i.usedBy.map((u) => u.name).join(", ") : "no workload in this repository";
  const text = `${clients} → ${path}a master and ${plural(p.replicas, "replica")}${p.watching ? ", watched by " + watchers(i) : ""}`;
  return svg("svg", { viewBox: `0 0 764 ${height}`, role: "img", "aria-label": text, class: "topology" }, c.out as unknown as Node[]);
}

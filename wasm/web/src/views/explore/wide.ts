// The topology from left to right.
import { type Canvas, type Plan, port } from "./canvas";
import { watchers } from "./facts";

const step = 54;
const top = 30;
const y = (n: number) => top + n * step;

// wide draws a topology, and returns its size.
export function wide(c: Canvas, p: Plan) {
  edges(c, p); // first, so that boxes lie on top
  boxes(c, p);
  watch(c, p);
  return { width: 764, height: y(p.rows) + (p.watching ? 76 : 0) };
}

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
    c.head(741, y(n) + 21, "replica", "left");
  }
}

function boxes(c: Canvas, p: Plan) {
  const { i, users, more, replicas, asked, service } = p;
  c.note(95, 18, "Clients");
  c.note(370, 18, asked ? "Sentinels" : "Service");
  c.note(640, 18, "Pods");
  for (const [n, u] of users.entries()) c.box(0, y(n), 190, "client", u.name, u.kind);
  if (!users.length) c.box(0, y(0), 190, "none", "no workload in this repository");
  if (more > 0) c.note(95, y(users.length) + 24, `and ${more} more`);
  if (service) c.box(270, y(0), 200, asked ? "sentinel" : "service", service, port(p));
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

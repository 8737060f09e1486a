// The topology from top to bottom, for the width of a phone.
import { type Canvas, type Plan, port } from "./canvas";
import { watchers } from "./facts";

// Two columns of boxes, with a line between them and one at each side.
const w = 160;
const left = 12;
const right = 192;
const between = 182;
const step = 54;
const high = 42;
const middle = high / 2;

// narrow draws a topology, and returns its size.
export function narrow(c: Canvas, p: Plan) {
  const service = 24 + Math.ceil(Math.max(1, p.users.length) / 2) * step + (p.more > 0 ? 16 : 0) + 26;
  const pods = service + (p.service || p.i.read ? high + 46 : 0);
  const end = pods + Math.max(1, p.replicas) * step;
  clients(c, p, service, pods);
  services(c, p, service, pods);
  replicas(c, p, pods);
  const height = p.watching ? watch(c, p, pods, end) : end;
  return { width: 368, height };
}

function clients(c: Canvas, { users, more, asked, service: name }: Plan, service: number, pods: number) {
  c.note(between, 14, "Clients");
  const last = 24 + (Math.ceil(users.length / 2) - 1) * step + middle;
  for (const [n] of users.entries()) {
    const y = 24 + Math.floor(n / 2) * step + middle;
    if (name) c.path(`M${n % 2 ? right : left + w} ${y}H${between}`);
    if (name && y === last) c.path(`M${between} ${24 + middle}V${service - 24}H${left + w / 2}V${service - 8}`);
  }
  if (users.length && name) c.head(left + w / 2, service, "", "down");
  // Told by the sentinels which one is the master, clients connect to it.
  if (asked && users.length) {
    c.path(`M${left + w / 2} ${service - 24}H4V${pods + middle}H${left - 6}`);
    c.head(left, pods + middle);
  }
  for (const [n, u] of users.entries()) c.box(n % 2 ? right : left, 24 + Math.floor(n / 2) * step, w, "client", u.name, u.kind);
  if (!users.length) c.box(left, 24, right + w - left, "none", "no workload in this repository");
  if (more > 0) c.note(between + 8, last + step - middle + 4, `and ${more} more`, "start");
}

function services(c: Canvas, p: Plan, y: number, pods: number) {
  const { i, asked, service, replicas } = p;
  if (service) {
    c.path(`M${left + w / 2} ${y + high}V${pods - (asked ? 0 : 8)}`, asked ? "watch" : "");
    if (asked) c.note(left + w / 2 + 8, pods - 14, "master?", "start");
    else c.head(left + w / 2, pods, "", "down");
    c.note(right, y - 8, asked ? "Sentinels" : i.read ? "Services" : "Service", "start");
    c.box(left, y, i.read ? w : right + w - left, asked ? "sentinel" : "service", service, port(p));
  }
  if (!i.read) return;
  for (let n = 0; n < replicas; n++) {
    const at = pods + n * step + middle;
    c.path(`M${right + w / 2} ${y + high}V${y + high + 16}H${right + w + 10}V${at}h-4`);
    c.head(right + w, at, "", "left");
  }
  c.box(right, y, w, "service", i.read.service, "reads");
}

// replicas draws the pods: the master at the left, what replicates it at the right.
function replicas(c: Canvas, { i, replicas }: Plan, y: number) {
  for (let n = 0; n < replicas; n++) {
    const at = y + n * step + middle;
    c.path(`M${left + w} ${y + middle}H${between}V${at}H${right - 6}`, "replica");
    c.head(right, at, "replica");
    c.box(right, y + n * step, w, "pod", `replica ${n + 1}`, n === 0 ? "replicates the master" : "");
  }
  c.box(left, y, w, "master", i.cluster ? "masters" : "master", i.memory || "no memory limit");
}

// watch draws the sentinels below the pods, and returns where they end.
function watch(c: Canvas, { i, watching }: Plan, pods: number, end: number) {
  const y = end + 34;
  const known = watchers(i) !== "sentinels";
  c.path(`M${left + w / 2} ${pods + high}V${y - 16}`, "watch");
  c.path(`M${left} ${y - 8}V${y - 16}H${right + w}V${y - 8}`, "watch");
  c.note(right, y - 22, "monitor and fail over", "start");
  for (let n = 0; n < watching; n++)
    c.box(n % 2 ? right : left, y + Math.floor(n / 2) * step, w, "sentinel", known ? `sentinel ${n + 1}` : "sentinels", i.sentinel!.master);
  return y + Math.ceil(watching / 2) * step;
}

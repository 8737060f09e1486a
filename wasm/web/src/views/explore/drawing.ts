// The topology of an instance.
import { plural, svg } from "../../dom";
import type { Instance } from "../../types";
import { Canvas, plan } from "./canvas";
import { watchers } from "./facts";
import { narrow } from "./narrow";
import { wide } from "./wide";

// phone is where a drawing from left to right does not fit.
export const phone = matchMedia("(max-width: 40rem)");

// drawing shows clients, Service, master, replicas and sentinels. Its text alternative says the same.
export function drawing(i: Instance) {
  const p = plan(i);
  const c = new Canvas();
  const { width, height } = phone.matches ? narrow(c, p) : wide(c, p);
  const path = p.asked ? `the sentinels (${p.service}), which name the master → ` : `${p.service || "the pods"} → `;
  const clients = i.usedBy.length ? i.usedBy.map((u) => u.name).join(", ") : "no workload in this repository";
  const text = `${clients} → ${path}a master and ${plural(p.replicas, "replica")}${p.watching ? ", watched by " + watchers(i) : ""}`;
  const props = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text, class: "topology" };
  return svg("svg", props, c.out as unknown as Node[]);
}

// What a drawing of a topology is made of.
import { svg } from "../../dom";
import type { Instance } from "../../types";
import { sentinels } from "./facts";

const heads = { right: "l-8 -4.5v9z", left: "l8 -4.5v9z", down: "l-4.5 -8h9z" };

// Canvas collects what is drawn.
export class Canvas {
  readonly out: SVGElement[] = [];

  box(x: number, at: number, w: number, cls: string, title: string, small = "") {
    // A name that is too long is written smaller, and only cut when that does not suffice.
    const long = (s: string) => s.length > w / 7.6;
    const clip = (s: string) => (s.length > w / 6.2 ? s.slice(0, Math.floor(w / 6.2) - 1) + "…" : s);
    this.out.push(
      svg(
        "g",
        { class: "node " + cls, transform: `translate(${x} ${at})` },
        svg("title", {}, title),
        svg("rect", { width: w, height: 42, rx: 8 }),
        svg("text", { x: w / 2, y: small ? 18 : 26, "text-anchor": "middle", class: long(title) ? "long" : "" }, clip(title)),
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

  // head is the head of an arrow.
  head(x: number, at: number, cls = "", to: keyof typeof heads = "right") {
    this.out.push(svg("path", { class: "head " + cls, d: `M${x} ${at}${heads[to]}` }));
  }

  note(x: number, at: number, text: string, anchor = "middle") {
    this.out.push(svg("text", { x, y: at, "text-anchor": anchor, class: "small" }, text));
  }
}

// plan is what there is to draw.
export function plan(i: Instance) {
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

export type Plan = ReturnType<typeof plan>;

export const port = ({ i, asked }: Plan) => `port ${(asked ? i.sentinel : i.write)?.port || "?"}`;

// Finds the instances, then counts the findings of each.
import { check, core, messages, progress, state, status } from "../../app";
import { Cancelled } from "../../core";
import { byId, fill, h } from "../../dom";
import type { Assessed, Found } from "../../types";
import { drawDetail } from "./detail";
import { draw } from "./draw";
import { id } from "./facts";
import type { State } from "./state";
import { drawRows } from "./table";

export async function run(v: State) {
  if (!state.opened) return;
  v.stale = false;
  if (v.current !== state.opening) {
    // What was found in another repository is not to be read as what is in this one.
    [v.found, v.current] = [undefined, state.opening];
    fill(byId("explore"), h("p", { class: "muted" }, "Loading…"));
  }
  const mine = state.opening;
  try {
    const all = await core.call<Found>("instances", {}, progress("Rendered"));
    if (mine !== state.opening) return;
    v.found = all;
    status("Ready", "ok");
    if (!v.found.instances.some((i) => id(i) === v.chosen)) v.chosen = v.found.instances[0] ? id(v.found.instances[0]) : "";
    v.counted = false;
    v.assessed = undefined;
    draw(v);
    const report = (await check(progress("Linted"))).report;
    if (mine !== state.opening) return;
    v.counts = new Map();
    for (const f of report?.findings ?? [])
      if (f.resource && !f.suppressed) {
        const k = f.resource.kind + "/" + f.resource.name;
        v.counts.set(k, (v.counts.get(k) ?? 0) + 1);
      }
    v.counted = true;
    drawRows(v);
    v.assessed = await core.call<Assessed>("assess", {}, progress("Rendered"));
    if (mine !== state.opening) return;
    status("Ready", "ok");
    drawDetail(v);
  } catch (e) {
    if (!(e instanceof Cancelled)) return fill(byId("explore"), h("p", { class: "card bad", role: "alert" }, messages(e).join("; ")));
    v.stale = true;
    if (!v.found)
      fill(
        byId("explore"),
        h(
          "div",
          { class: "card" },
          h("h3", {}, "Cancelled"),
          h("div", { class: "row" }, h("button", { type: "button", onclick: () => void run(v) }, "Retry")),
        ),
      );
  }
}

// Plans what the form says, shows the plan and has it checked.

import { core, messages, setHash, state } from "../../app";
import { Cancelled, CoreError } from "../../core";
import { again, byId, h } from "../../dom";
import type { Linted, Planned } from "../../types";
import { current, params, request, type State } from "./ask";
import { drawCheck } from "./check";
import { jump } from "./jump";
import { drawPlan } from "./plan";
import { forget, problem, refuse } from "./problems";

// update plans what the form says now. Nothing waits: while the core is at work the newest state of the form is next. The plan that is
// shown meanwhile is that of the form before: it is dimmed, and nothing can be done with it.
export function update(v: State) {
  v.asked++;
  settle(v);
  clearTimeout(v.address);
  v.address = window.setTimeout(() => {
    if (!byId("scaffold").hidden) setHash("scaffold", params(v));
  }, 150); // browsers count changes of it
  if (!v.planning) void plan(v);
}

// settle shows whether the preview is that of the form.
function settle(v: State) {
  const settled = v.asked === Math.max(v.shown?.asked ?? 0, v.failed);
  const preview = byId("preview");
  if (settled) preview.removeAttribute("aria-busy");
  else preview.setAttribute("aria-busy", "true");
  for (const b of preview.querySelectorAll("button.act")) {
    if (current(v)) b.removeAttribute("aria-disabled");
    else b.setAttribute("aria-disabled", "true");
  }
}

async function plan(v: State) {
  let last = 0;
  while (state.opened && last !== v.asked) {
    const mine = v.asked;
    last = v.planning = mine;
    try {
      const r = request(v);
      const p = await core.call<Planned>("plan", r);
      v.shown = { asked: mine, request: r, planned: p };
      forget();
      again(() => drawPlan(v, v.shown!));
      settle(v);
      if (p.conflicts.length > 0 || p.files.length === 0 || mine !== v.asked) continue;
      const l = await core.call<Linted>("check", r);
      if (mine === v.asked) again(() => drawCheck(v, l));
    } catch (e) {
      v.shown = undefined;
      v.failed = mine;
      if (e instanceof Cancelled) {
        refuse(
          h(
            "div",
            { class: "card" },
            h("h3", {}, "Cancelled"),
            h("div", { class: "row" }, h("button", { type: "button", onclick: () => update(v) }, "Try again")),
          ),
        );
        settle(v);
        break;
      }
      forget();
      again(() =>
        refuse(
          h(
            "div",
            { class: "card bad", role: "alert" },
            h("h3", {}, "Cannot generate this"),
            h("ul", {}, e instanceof CoreError ? e.problems.map((p) => problem(v, p)) : messages(e).map((m) => h("li", {}, m))),
          ),
        ),
      );
      jump("Cannot generate", "bad");
      settle(v);
    }
  }
  v.planning = 0;
}

// The Lint view: findings by file, each with its source, its causes, its rule and its fix.
import { onchange, setHash } from "../../app";
import { byId, fill, h } from "../../dom";
import type { View } from "../view";
import { draw } from "./draw";
import { toolbar } from "./filter";
import { drawRows, key, scrolled } from "./list";
import { run } from "./run";
import { State } from "./state";

export class Lint implements View {
  private readonly v = new State();

  init() {
    const { v } = this;
    const list = h(
      "div",
      { id: "list", role: "listbox", tabindex: 0, "aria-label": "Findings", onkeydown: (e: Event) => key(v, e as KeyboardEvent) },
      h("div", { class: "inner", role: "presentation" }),
    );
    list.addEventListener("scroll", () => requestAnimationFrame(() => scrolled(v, list)), { passive: true });
    new ResizeObserver(() => drawRows(v)).observe(list);
    fill(
      byId("lint"),
      toolbar(v),
      h("div", { id: "notices" }),
      h("div", { id: "nothing" }),
      h("div", { class: "split lint", id: "lint-body" }, list, h("article", { id: "detail", class: "card", "aria-live": "off" })),
    );
    onchange(() => {
      v.stale = true;
      if (!byId("lint").hidden) void run(v);
    });
  }

  show() {
    setHash("lint");
    if (this.v.stale) void run(this.v);
    else draw(this.v);
  }

  failed() {
    byId("summary").textContent = "Nothing was linted.";
  }

  // only shows what matches a text, and selects the first of it.
  only(text: string) {
    const { v } = this;
    v.filter.text = text;
    v.filter.rule = "";
    (byId("search") as HTMLInputElement).value = text;
    v.chosen = undefined;
  }
}

// The Scaffold view: a form made from the schema, and what it would do to the repository.

import { hash, onchange, setHash } from "../../app";
import { byId, fill, h } from "../../dom";
import type { View } from "../view";
import { fromHash, params, State } from "./ask";
import { drawForm } from "./form";
import { jump } from "./jump";
import { update } from "./run";

export class Scaffold implements View {
  private readonly v = new State();

  init() {
    const { v } = this;
    this.draw();
    new IntersectionObserver(([e]) => (byId("jump").hidden = e!.isIntersecting)).observe(byId("preview"));
    v.update = () => update(v);
    fromHash(v);
    drawForm(v);
    onchange(() => {
      drawForm(v);
      if (!byId("scaffold").hidden) update(v);
      else v.stale = true;
    });
    // A link, or a step in the history; main shows the view.
    addEventListener("hashchange", () => {
      if (hash().view === "scaffold" && fromHash(v)) {
        drawForm(v);
        update(v);
      }
    });
  }

  private draw() {
    fill(
      byId("scaffold"),
      h("h2", { class: "sr" }, "Generate a resource"),
      h(
        "div",
        { class: "split" },
        h("form", { id: "form", "aria-label": "Resource to generate", onsubmit: (e: Event) => e.preventDefault() }),
        h(
          "div",
          { id: "preview", role: "region", tabindex: -1, "aria-label": "Preview" },
          h(
            "div",
            { class: "card skeleton" },
            h("h3", {}, "Generated files appear here"),
            h("p", { class: "muted" }, "The program is loading; you can already fill in the form."),
          ),
        ),
      ),
      h(
        "button",
        {
          type: "button",
          id: "jump",
          onclick: () => {
            byId("preview").scrollIntoView({ block: "start" });
            byId("preview").focus({ preventScroll: true });
          },
        },
        "Loading…",
      ),
    );
  }

  hide() {
    setHash("scaffold", params(this.v));
  }

  show() {
    if (this.v.stale) {
      this.v.stale = false;
      update(this.v);
    } else setHash("scaffold", params(this.v));
  }

  failed() {
    const skeleton = byId("preview").querySelector(".skeleton p");
    if (skeleton) skeleton.textContent = "The program is not running.";
    jump("Not running", "bad");
  }
}

// The Explore view: every Redis of the repository, and how it is built and reached.
import { onchange, setHash } from "../../app";
import { byId, fill, h } from "../../dom";
import type { View } from "../view";
import { drawDetail } from "./detail";
import { phone } from "./drawing";
import { run } from "./run";
import { State } from "./state";
import { drawRows } from "./table";

export class Explore implements View {
  private readonly v: State;

  // findings shows the findings that match a text.
  constructor(findings: (text: string) => void) {
    this.v = new State(findings);
  }

  init() {
    fill(byId("explore"), h("p", { class: "muted" }, "Loading…"));
    phone.addEventListener("change", () => {
      drawRows(this.v);
      drawDetail(this.v);
    });
    onchange(() => {
      this.v.stale = true;
      if (!byId("explore").hidden) void run(this.v);
    });
  }

  show() {
    setHash("explore");
    if (this.v.stale) void run(this.v);
  }

  failed() {
    fill(byId("explore"), h("p", { class: "muted" }, "No repository is open."));
  }
}

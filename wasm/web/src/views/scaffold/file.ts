// A file of a plan: its diff, or all of it.

import { again, codeView, copyButton, diffView, fill, h } from "../../dom";
import type { ChangedFile } from "../../types";
import type { State } from "./ask";

export function fileView(v: State, f: ChangedFile) {
  const name = { create: "new", update: "changed", remove: "removed", unchanged: "" }[f.action];
  const d = h("details", { class: "file", open: v.openFiles.has(f.path) || (f.action === "update" && f.path.endsWith("values.yaml")) });
  d.append(h("summary", { id: "file/" + f.path }, h("span", { class: "tag " + f.action }, name), h("span", { class: "path" }, f.path)));
  let drawn = false;
  const draw = () => {
    if (drawn || !d.open) return;
    drawn = true;
    const body = h("div", {});
    const show = () =>
      again(() => {
        const whole = f.action === "create" || v.wholeFiles.has(f.path);
        const toggle = (text: string, on: boolean, id: string) =>
          h(
            "button",
            {
              type: "button",
              id: id + f.path,
              class: "quiet",
              "aria-pressed": String(on),
              onclick: () => {
                if (id === "whole/") v.wholeFiles.add(f.path);
                else v.wholeFiles.delete(f.path);
                show();
              },
            },
            text,
          );
        fill(
          body,
          h(
            "div",
            { class: "row end" },
            f.action === "update" && h("span", { class: "pair" }, toggle("Diff", !whole, "diff/"), toggle("Whole file", whole, "whole/")),
            copyButton(() => f.new, "Copy file", "copy/" + f.path),
          ),
          whole ? codeView(f.new, f.path) : diffView(f.diff ?? "", "Diff of " + f.path),
        );
      });
    show();
    d.append(body);
  };
  d.addEventListener("toggle", () => {
    if (d.open) v.openFiles.add(f.path);
    else v.openFiles.delete(f.path);
    draw();
  });
  draw();
  return d;
}

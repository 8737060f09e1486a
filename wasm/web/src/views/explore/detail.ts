// An instance: its topology, and how clients connect to it.
import { again, copyButton, fill, h } from "../../dom";
import type { Instance } from "../../types";
import { drawing } from "./drawing";
import { id } from "./facts";
import type { State } from "./state";
import { survives } from "./survives";

export function drawDetail(v: State) {
  const all = v.found?.instances ?? [];
  const i = all.find((i) => id(i) === v.chosen) ?? all[0];
  const box = document.getElementById("redis");
  if (box && i) again(() => fill(box, detail(v, i)));
}

function detail(v: State, i: Instance) {
  const formats = [...new Set([...Object.keys(i.clients), ...Object.keys(i.sentinels)])];
  if (!formats.includes(v.format)) v.format = formats[0] ?? "url";
  const block = (title: string, text: string | undefined) =>
    text !== undefined &&
    h(
      "div",
      { class: "block" },
      h(
        "div",
        { class: "row between" },
        h("h4", {}, title),
        copyButton(() => text),
      ),
      h("pre", { class: "code", tabindex: 0, "aria-label": title }, text),
    );
  return h(
    "div",
    { class: "card instance" },
    h("h3", {}, i.name),
    h("p", { class: "muted" }, `${i.kind} at ${i.where}`),
    h("div", { class: "diagram", tabindex: 0, role: "region", "aria-label": "Topology" }, drawing(i)),
    (i.notes?.length ?? 0) > 0 &&
      h(
        "ul",
        {},
        i.notes!.map((n) => h("li", {}, n)),
      ),
    h(
      "div",
      { class: "field inline" },
      h("label", { for: "format" }, "Connect with"),
      h(
        "select",
        {
          id: "format",
          onchange: (e: Event) => {
            v.format = (e.target as HTMLSelectElement).value;
            drawDetail(v);
          },
        },
        formats.map((f) => h("option", { value: f, selected: f === v.format }, f)),
      ),
    ),
    block("Through the Service", i.clients[v.format]),
    block("Through the sentinels", i.sentinels[v.format]),
    survives(v, i),
  );
}

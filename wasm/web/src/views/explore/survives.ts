// What an instance survives, as `redis-gitops assess` says.
import { h } from "../../dom";
import type { Answer, Instance } from "../../types";
import { id } from "./facts";
import type { State } from "./state";

export function survives(v: State, i: Instance) {
  const table = v.assessed?.instances.find((t) => id(t) === id(i));
  if (!table) return false;
  const title = h("h4", { id: "survives" }, "What it survives");
  if (!table.assessed)
    return h("div", { class: "block" }, title, h("p", { class: "muted" }, `What ${i.operator} does about a loss is not known.`));
  const row = (question: string, a: Answer) => [
    h("dt", {}, question, a.verdict && h("strong", { class: a.verdict === "no" ? "bad-text" : "" }, a.verdict)),
    h(
      "dd",
      {},
      a.text,
      a.improve && h("small", {}, "→ " + a.improve),
      a.file && h("small", { class: "muted" }, `${a.field} ${a.file}:${a.line}`),
    ),
  ];
  return h(
    "div",
    { class: "block" },
    title,
    h(
      "dl",
      { class: "survives", "aria-labelledby": "survives" },
      table.answers.flatMap((a, n) => row(v.assessed!.questions[n]!.title, a)),
    ),
  );
}

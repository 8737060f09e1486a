// The ways to take a plan along.

import { canWrite, local, make, messages, setHash, state, status } from "../../app";
import { writeChanges } from "../../changes";
import { copyButton, download, h, say } from "../../dom";
import { picker } from "../../files";
import type { ChangedFile } from "../../types";
import { writeZip } from "../../zip";
import { current, params, type Shown, type State } from "./ask";

// action is a button that does something with the plan that is shown, once the form says what it is the plan of.
function action(v: State, shown: Shown, id: string, text: string, primary: boolean, f: () => void) {
  return h(
    "button",
    {
      type: "button",
      id,
      class: primary ? "act primary" : "act",
      onclick: () => {
        if (current(v) === shown) f();
      },
    },
    text,
  );
}

export function actions(v: State, shown: Shown, made: ChangedFile[]) {
  const p = shown.planned;
  const name =
    `${v.ask.app}${v.ask.suffix && v.ask.kind === "resource" ? "-" + v.ask.suffix : ""}`.replace(/[^\w.-]/g, "_") || "redis-gitops";
  return [
    action(v, shown, "take-patch", "Download patch", !canWrite(), () => download(name + ".patch", p.diff, "text/x-diff")),
    action(v, shown, "take-zip", "Download zip", false, () =>
      download(
        name + ".zip",
        writeZip(made.filter((f) => f.action !== "remove").map((f) => ({ path: f.path, text: f.new }))),
        "application/zip",
      ),
    ),
    copyButton(
      () => {
        setHash("scaffold", params(v));
        return location.href;
      },
      "Copy link",
      "take-link",
    ),
    action(v, shown, "take-keep", "Keep in this tab", false, () => void keep(shown)),
    (canWrite() || picker) &&
      action(
        v,
        shown,
        "take-write",
        local ? "Write to the repository" : state.folder ? "Write to the directory" : "Write to a directory",
        canWrite(),
        () => void writeChanges(p.commands.at(-1)!.replace("redis-gitops ", ""), change(shown)),
      ),
  ];
}

// change is the plan that was shown, to be made by the core; one that has become another is refused there.
const change = (shown: Shown) => ({
  request: { ...shown.request, plan: shown.planned.id },
  files: shown.planned.files,
});

// keep takes the plan into the repository of this tab, so that Lint and Explore show it and the next plan builds on it.
async function keep(shown: Shown) {
  try {
    await make("apply", change(shown).request);
    say("Kept in this tab");
  } catch (e) {
    status(messages(e)[0]!, "bad");
  }
}

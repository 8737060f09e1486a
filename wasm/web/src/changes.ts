// The tray of changes: what is kept and fixed in this tab and not written anywhere yet, in sight of every view.

import { back, canWrite, core, discard, local, make, messages, onchange, put, real, state, status, undo, unwrite } from "./app";
import { again, byId, copyButton, dialog, download, filesView, fill, h, plural, say } from "./dom";
import { pick, picker } from "./files";
import type { ChangedFile, Changes } from "./types";
import { writeZip } from "./zip";

// ahead says whether there is something that closing the tab would lose.
export const ahead = () => state.changes.files.length > 0;

// leave asks before the changes of this tab are lost.
export const leave = async () =>
  !ahead() ||
  (await dialog(
    "Discard the changes in this tab?",
    [h("p", {}, `${plural(state.changes.files.length, "file")} changed in this tab and not written.`), filesView(state.changes.files)],
    "Discard",
  ));

const name = () => (state.example ? "redis-gitops" : state.name).replace(/[^\w.-]/g, "_") || "redis-gitops";

const zip = () => writeZip(state.changes.files.filter((f) => f.action !== "remove").map((f) => ({ path: f.path, text: f.new })));

// writeChanges writes what this tab is ahead of the disk, after a question that shows it. With a plan that was shown and is not made
// yet, that is made first, and undone when nothing could be written.
export async function writeChanges(command: string, change?: { request: object; files: ChangedFile[] }) {
  let made = false;
  try {
    // A repository that came as a zip, or by another way that cannot be written to: its folder is asked for now.
    const folder = canWrite() ? state.folder : await pick();
    const { files } = change ? await core.call<Changes>("changes", { over: real(change.files) }) : state.changes;
    const where = folder?.name || state.name;
    const yes = await dialog(
      "Write these changes?",
      [h("p", {}, `${plural(files.length, "file")} of ${where} will be changed.`), filesView(files)],
      "Write",
    );
    if (!yes) return;
    if (change) {
      await make("apply", change.request);
      made = true;
    }
    await put(files, command, where, folder);
    status("Written", "ok");
    byId("changes").scrollIntoView({ block: "nearest" });
    say(`${plural(files.length, "file")} written`);
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") return; // the folder was not chosen
    if (made) await undo();
    await failed("Nothing was written", e);
  }
}

// failed says why, until it is closed.
async function failed(title: string, e: unknown) {
  status(messages(e)[0]!, "bad");
  await dialog(
    title,
    h(
      "ul",
      {},
      messages(e).map((m) => h("li", {}, m)),
    ),
    "Close",
    false,
  );
  status("Ready", "ok");
}

// undoWritten takes back on disk what was written last, after a question that shows it.
async function undoWritten() {
  try {
    const { where } = state.written!;
    const files = await back();
    const text = h("p", {}, `${plural(files.length, "file")} of ${where} will be as before.`);
    if (!(await dialog("Undo what was written?", [text, filesView(files)], "Undo"))) return;
    await unwrite(files);
    status("Undone", "ok");
    say(`${plural(files.length, "file")} restored`);
  } catch (e) {
    await failed("Nothing was undone", e);
  }
}

const quoted = (word: string) => (/^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function written() {
  const { files, command, where } = state.written!;
  const commands = `git add -A -- ${files.map((f) => quoted(f.path)).join(" ")}\ngit commit -m ${quoted(command)}`;
  const names = { create: "new", update: "changed", remove: "removed", unchanged: "" };
  return [
    h(
      "div",
      { class: "row between" },
      h("h2", {}, `${plural(files.length, "file")} of ${where} written`),
      h("button", { type: "button", id: "undo-written", onclick: () => void undoWritten() }, "Undo"),
    ),
    h(
      "details",
      { open: true },
      h("summary", {}, "Files, and how to commit them"),
      h(
        "ul",
        { class: "plain" },
        files.map((f) => h("li", {}, h("span", { class: "tag " + f.action }, names[f.action]), " ", h("code", {}, f.path))),
      ),
      h(
        "div",
        { class: "row between" },
        h("span", {}, "Commit them:"),
        copyButton(() => commands, "Copy", "copy-commit"),
      ),
      h("pre", { class: "code", tabindex: 0, "aria-label": "Git commands" }, commands),
    ),
  ];
}

const trying = (f: () => Promise<unknown>) => () => {
  f().catch((e) => status(messages(e)[0]!, "bad"));
};

function draw() {
  const { files, masked, steps } = state.changes;
  const box = byId("changes");
  box.hidden = files.length === 0 && !state.written;
  box.classList.toggle("good", files.length === 0);
  box.setAttribute("aria-label", files.length ? "Changes in this tab" : "What was written");
  const open = box.querySelector("details")?.open ?? false;
  const button = (id: string, text: string, f: () => void, primary = false) =>
    h("button", { type: "button", id, class: primary ? "primary" : "", onclick: f }, text);
  const last = steps.at(-1);
  again(() =>
    fill(
      box,
      files.length > 0 && [
        h(
          "div",
          { class: "row between" },
          h("h2", {}, `Changes in this tab (${plural(files.length, "file")})`),
          h(
            "div",
            { class: "row" },
            button(
              "changes-patch",
              "Download patch",
              () => download(name() + ".patch", state.changes.patch, "text/x-diff"),
              !canWrite() && masked.length === 0,
            ),
            button("changes-zip", "Download zip", () => download(name() + ".zip", zip(), "application/zip")),
            (canWrite() || picker) &&
              button(
                "changes-write",
                local ? "Write to the repository" : state.folder ? "Write to the directory" : "Write to a directory",
                () => void writeChanges(last ?? "edit"),
                canWrite(),
              ),
            last !== undefined && button("changes-undo", "Undo: " + last, trying(undo)),
            button(
              "changes-discard",
              "Discard all",
              trying(async () => {
                if (await leave()) await discard();
              }),
            ),
          ),
        ),
        masked.length > 0 &&
          h(
            "p",
            { class: "note" },
            `The patch masks secret values in ${masked.join(", ")}, so git apply rejects it; download the zip, or write to a directory.`,
          ),
        h(
          "details",
          { open },
          h("summary", {}, "Show the changes"),
          h("p", { class: "help" }, "Apply the patch with ", h("code", {}, `git apply ${name()}.patch`), "."),
          filesView(files, (f) => f.action === "update"),
        ),
      ],
      files.length === 0 && state.written && written(),
    ),
  );
}

export function init() {
  onchange(draw);
  addEventListener("beforeunload", (e) => {
    if (ahead()) e.preventDefault();
  });
}

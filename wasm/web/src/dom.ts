// Small helpers for the DOM. Text goes in as text, never as markup: names and values of a repository are strangers' words.

export type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  set(e, props);
  add(e, children);
  return e;
}

export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(e, props);
  add(e, children);
  return e;
}

function set(e: Element, props: Props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value as EventListener);
    else if (key === "value" || key === "checked" || key === "selected" || key === "indeterminate") (e as unknown as Props)[key] = value;
    else e.setAttribute(key, value === true ? "" : String(value));
  }
}

function add(e: Element, children: Child[]) {
  for (const c of children) {
    if (Array.isArray(c)) add(e, c);
    else if (c !== null && c !== undefined && c !== false) e.append(c instanceof Node ? c : String(c));
  }
}

export function fill(e: Element, ...children: Child[]) {
  e.replaceChildren();
  add(e, children);
}

// A click is lost when what was pressed is replaced before it is released, so rows are drawn again after that.
const press = { down: false, later: new Map<object, () => void>() };
addEventListener("pointerdown", (e) => (press.down = e.target instanceof Element && e.target.closest("tbody tr, .item") !== null), true);
for (const ended of ["pointerup", "pointercancel"]) {
  addEventListener(
    ended,
    () => {
      press.down = false;
      setTimeout(() => {
        // after the click
        const waiting = [...press.later.values()];
        press.later.clear();
        for (const f of waiting) f();
      });
    },
    true,
  );
}

// unpressed says whether the rows of a view may be replaced now; f is called when they may be again.
export function unpressed(view: object, f: () => void): boolean {
  if (press.down) press.later.set(view, f);
  return !press.down;
}

export const byId = (id: string) => document.getElementById(id)!;

// say announces a text to screen readers.
export function say(text: string) {
  byId("live").textContent = text;
}

export function copyButton(text: () => string, label = "Copy", id?: string) {
  const b = h("button", { class: "quiet", type: "button", id }, label);
  b.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      b.textContent = "Copied";
      say("Copied");
    } catch {
      b.textContent = "Select and copy manually";
    }
    setTimeout(() => (b.textContent = label), 1500);
  });
  return b;
}

export function download(name: string, data: BlobPart, type: string) {
  const url = URL.createObjectURL(new Blob([data], { type }));
  const a = h("a", { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// The parts of a line of YAML: template, comment, string, key. Only colours hang on it, so that a line suffices.
const parts = /(\{\{.*?\}\})|((?:^|\s)#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|((?<=^\s*(?:- )*)[\w./-]+(?=:(?:\s|$)))/g;
const kinds = ["template", "comment", "string", "key"];

// paint gives a line with its parts coloured. Long lines and long files stay plain: colours must not cost the page its speed.
export function paint(line: string): Child[] {
  if (line.length > 400) return [line];
  const out: Child[] = [];
  let at = 0;
  for (const m of line.matchAll(parts)) {
    if (m.index > at) out.push(line.slice(at, m.index));
    out.push(h("span", { class: "y-" + kinds[m.slice(1).findIndex((p) => p !== undefined)] }, m[0]));
    at = m.index + m[0].length;
  }
  if (at < line.length) out.push(line.slice(at));
  return out;
}

const painted = 1500; // lines

// codeView shows a file.
export function codeView(text: string, label: string): HTMLElement {
  const lines = text.replace(/\n$/, "").split("\n");
  return h(
    "pre",
    { class: "code", tabindex: 0, "aria-label": label },
    lines.map((l) => h("span", {}, lines.length > painted ? l : paint(l), "\n")),
  );
}

// diffView shows a patch with its lines coloured; a letter says the same without colour.
export function diffView(patch: string, label = "Diff"): HTMLElement {
  const pre = h("pre", { class: "code diff", tabindex: 0, "aria-label": label });
  const lines = patch.replace(/\n$/, "").split("\n");
  for (const line of lines) {
    if (/^(diff --git|--- |\+\+\+ |new file|deleted file|index )/.test(line)) continue;
    const kind = line.startsWith("@@") ? "at" : line[0] === "+" ? "add" : line[0] === "-" ? "del" : "same";
    pre.append(h("span", { class: kind }, kind === "at" || lines.length > painted ? line : [line[0], paint(line.slice(1))], "\n"));
  }
  return pre;
}

interface Changed {
  path: string;
  action: string;
  diff?: string;
}

// filesView shows changes file by file, each below its name.
export function filesView(files: Changed[], open = (_: Changed) => files.length <= 20): HTMLElement[] {
  const names: Record<string, string> = { create: "new", update: "changed", remove: "removed" };
  return files.map((f) => {
    const d = h(
      "details",
      { class: "file", open: open(f) },
      h("summary", {}, h("span", { class: "tag " + f.action }, names[f.action]), h("span", { class: "path" }, f.path)),
    );
    const draw = () => {
      if (d.open && d.childElementCount === 1) d.append(diffView(f.diff ?? "", "Diff of " + f.path));
    };
    d.addEventListener("toggle", draw);
    draw();
    return d;
  });
}

// again redraws with f, and gives the focus back to what had it and is drawn anew under the same id.
export function again(f: () => void) {
  const id = document.activeElement?.id;
  f();
  if (id && document.activeElement?.id !== id) document.getElementById(id)?.focus({ preventScroll: true });
}

export const plural = (n: number, noun: string) => (n === 1 ? `1 ${noun}` : `${n.toLocaleString("en")} ${noun}s`);

export function dialog(title: string, body: Child, confirm: string, cancel = true): Promise<boolean> {
  return new Promise((resolve) => {
    const d = h("dialog", { "aria-label": title }, h("h2", {}, title), h("div", { class: "dialog-body" }, body));
    const close = (yes: boolean) => {
      d.close();
      d.remove();
      resolve(yes);
    };
    d.append(
      h(
        "div",
        { class: "row end" },
        cancel && h("button", { type: "button", onclick: () => close(false) }, "Cancel"),
        h("button", { type: "button", class: "primary", onclick: () => close(true) }, confirm),
      ),
    );
    d.addEventListener("cancel", (e) => {
      e.preventDefault();
      close(false);
    });
    document.body.append(d);
    d.showModal();
  });
}

// What the tests of a file use, from before the first one to after the last.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { launch, modes, serve, skip, slow, web } from "./browser.mjs";

export let server, browser;
before(async () => {
  if (skip) return;
  server = await serve();
  // Each test loads the program anew; the second, optimizing compiler would take the processor from the tests beside it.
  browser = await launch("--js-flags=--liftoff-only");
});
after(async () => {
  await browser?.close();
  server?.close();
});
// everywhere tests a journey on the desktop and in phone width, and with dark in dark mode: f gets the options of the browser's
// context. With SHORT each journey is tested in one of these, the next in another one.
let journeys = 0;
export const everywhere = (name, f, { dark = false } = {}) => {
  const all = ["light", ...(dark ? ["dark"] : []), "phone"];
  const some = process.env.SHORT ? [all[journeys++ % all.length]] : all;
  for (const mode of some) it(`${name} [${mode}]`, () => f(modes[mode], mode));
};
export const it = (name, f) => test(name, { skip, timeout: 4 * slow }, f);

let built;
// tool gives the native program: $TOOL, or one that is built once for all tests of a file.
export function tool() {
  if (process.env.TOOL) return process.env.TOOL;
  if (!built) {
    built = join(mkdtempSync(join(tmpdir(), "web-tool-")), "redis-gitops");
    execFileSync("go", ["build", "-o", built, "./cmd/redis-gitops"], { cwd: join(web, "..", "..") });
  }
  return built;
}
after(() => built && rmSync(dirname(built), { recursive: true }));

// saved clicks, and gives what is downloaded then, in a folder of its own.
export async function saved(page, click) {
  const [d] = await Promise.all([page.waitForEvent("download"), click()]);
  const dir = mkdtempSync(join(tmpdir(), "web-download-"));
  const file = join(dir, d.suggestedFilename());
  await d.saveAs(file);
  return { file, dir };
}

// tree gives the files of a folder and what is in them, Git's left out.
export function tree(dir, at = "") {
  const out = {};
  for (const e of readdirSync(join(dir, at), { withFileTypes: true })) {
    const path = at ? at + "/" + e.name : e.name;
    if (e.isDirectory()) {
      if (e.name !== ".git") Object.assign(out, tree(dir, path));
    } else out[path] = readFileSync(join(dir, path), "latin1");
  }
  return out;
}

// drop lets go of files and folders of the disk over the page, as a person does.
export async function drop(p, files) {
  const cdp = await p.context.newCDPSession(p.page);
  const drag = (type) => cdp.send("Input.dispatchDragEvent", { type, x: 200, y: 400, data: { items: [], files, dragOperationsMask: 1 } });
  await p.page.evaluate(() => {
    globalThis.dropped = false;
    document.addEventListener("drop", () => (globalThis.dropped = true), { once: true });
  });
  // The browser lets go only where the event before was taken, and it learns that a moment later.
  for (let tries = 0; tries < 50; tries++) {
    for (const type of ["dragEnter", "dragOver", "dragOver", "dragOver", "drop"]) await drag(type);
    if (await p.page.evaluate(() => globalThis.dropped)) break;
  }
  await cdp.detach();
}

// cut gives what is cut off at the side in what is shown: beyond the window, or beyond a box that hides it. Code scrolls in its own box.
export const cut = (page) =>
  page.evaluate(() => {
    const out = [];
    const wide = document.documentElement.clientWidth;
    for (const e of document.querySelectorAll("body *")) {
      if (!e.checkVisibility() || e.closest("pre.code, .sr, .hidden, .skip, svg, textarea, select, [inert]")) continue;
      const box = e.getBoundingClientRect();
      const name = `${e.tagName.toLowerCase()}${e.id && "#" + e.id} "${e.textContent.slice(0, 40)}"`;
      if (box.width > 0 && (box.left < -1 || box.right > wide + 1)) out.push(`${name} ${Math.round(box.left)} to ${Math.round(box.right)}`);
      if (e.clientWidth > 0 && e.tagName !== "INPUT" && e.scrollWidth > e.clientWidth + 1)
        out.push(`${name} has no room for ${e.scrollWidth - e.clientWidth} pixels`);
    }
    if (document.documentElement.scrollWidth > wide) out.push(`the page is ${document.documentElement.scrollWidth} wide`);
    return out;
  });

// small gives what is to be touched and is lower than a finger needs.
export const small = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("button, select, input, summary, .pill > span, .segments span, .cards span")]
      .filter(
        (e) =>
          e.checkVisibility() &&
          !e.matches(".link, .cards span *, [type=checkbox], [type=radio], [hidden]") &&
          e.getBoundingClientRect().width > 2,
      )
      .filter((e) => e.getBoundingClientRect().height < 39.5)
      .map(
        (e) =>
          `${e.tagName.toLowerCase()}${e.id && "#" + e.id} "${e.textContent.slice(0, 30)}" is ${e.getBoundingClientRect().height} high`,
      ),
  );

export const grave = async (page, what) => {
  // As the browser's own tool does it: the page's policy is against scripts from elsewhere.
  await page.evaluate(readFileSync(join(web, "node_modules", "axe-core", "axe.min.js"), "utf8") + ";void 0");
  // The size of targets is a rule of WCAG 2.2, which has to be asked for.
  const rules = { "target-size": { enabled: true } };
  const found = await page.evaluate((rules) => globalThis.axe.run(document, { resultTypes: ["violations"], rules }), rules);
  return found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact) || v.id === "heading-order")
    .map(
      (v) =>
        `${what}: ${v.id}: ${v.nodes
          .map((n) => n.target.join(" "))
          .slice(0, 4)
          .join(", ")}`,
    );
};

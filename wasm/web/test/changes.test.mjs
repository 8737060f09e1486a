// What is kept and fixed in a tab: it is what was shown, it stays in sight, and it can be taken along as one patch.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zip } from "./archive.mjs";
import { example, open, shots } from "./browser.mjs";
import { browser, everywhere, grave, it, saved, server, tool, tree } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

everywhere("what is kept is what was shown, also when the form has just changed", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.locator("#checked:not([aria-busy])").waitFor();
  // In one task of the page: the plan for the new form cannot be there yet.
  const clicked = await page.evaluate(() => {
    const app = document.getElementById("app");
    app.value = "reports";
    app.dispatchEvent(new Event("input", { bubbles: true }));
    const keep = document.getElementById("take-keep");
    keep.click();
    document.getElementById("take-patch").click();
    return {
      busy: document.getElementById("preview").getAttribute("aria-busy"),
      disabled: keep.getAttribute("aria-disabled"),
      old: document.getElementById("preview").textContent.includes("applications/shop/"),
    };
  });
  assert.deepEqual(clicked, { busy: "true", disabled: "true", old: true });
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "applications/reports/" }).first().waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  assert.equal(await page.getByText("Nothing to do: already up to date.").count(), 0);
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.getByRole("button", { name: "reports-jobs", exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "shop-jobs", exact: true }).count(), 0);
  clean(p);
  await p.context.close();
});

const broken = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: NAME
spec:
  sentinel:
    replicas: 2
  redis:
    replicas: 1
    customConfig:
      - maxmemory-policy  volatile-lru
`;

// copyOf gives the example in a folder of Git, with more files.
function copyOf(more = {}) {
  const dir = mkdtempSync(join(tmpdir(), "web-changes-"));
  cpSync(example, dir, { recursive: true });
  for (const [path, text] of Object.entries(more)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  execFileSync("git", ["init", "-q"], { cwd: dir });
  return dir;
}

const run = (dir, ...args) => execFileSync(tool(), ["-C", dir, ...args], { stdio: ["ignore", "ignore", "inherit"] });
const tray = (page) => page.getByRole("region", { name: "Changes in this tab" });

async function patched(page, dir) {
  const patch = await saved(page, () => tray(page).getByRole("button", { name: "Download patch" }).click());
  execFileSync("git", ["apply", patch.file], { cwd: dir });
  rmSync(patch.dir, { recursive: true });
}

async function keep(page, suffix) {
  await page.getByLabel("Suffix").fill(suffix);
  await page
    .locator("#preview:not([aria-busy]) .path", { hasText: `redis-${suffix}.yaml` })
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
}

everywhere(
  "what is kept is in sight in every view, is one patch, and is undone",
  async (mode, called) => {
    const p = await open(browser, server.url, mode);
    const { page } = p;
    await keep(page, "jobs");
    await keep(page, "second");
    await keep(page, "third");
    await tray(page)
      .getByRole("button", { name: /^Undo: generate resource shop redis.*third/ })
      .click();
    await page.locator("#preview .path", { hasText: "redis-third.yaml" }).first().waitFor();
    for (const view of ["Lint", "Explore", "Scaffold"]) {
      await page.getByRole("tab", { name: view }).click();
      await tray(page)
        .getByRole("heading", { name: /^Changes in this tab \(\d+ files\)$/ })
        .waitFor();
    }
    await tray(page).getByText("Show the changes").click();
    await tray(page).locator(".path", { hasText: "applications/shop/values.yaml" }).waitFor();
    await tray(page).locator(".diff .add", { hasText: "redisSecond:" }).first().waitFor();
    await page.screenshot({ path: join(shots, `changes-${called}.png`) });
    assert.deepEqual(await grave(page, "changes"), []);
    const [native, taken] = [copyOf(), copyOf()];
    for (const suffix of ["jobs", "second"]) run(native, "generate", "resource", "shop", "redis", "--suffix", suffix, "--profile", "queue");
    await patched(page, taken);
    assert.deepEqual(tree(taken), tree(native));

    // A program that is started again knows the same.
    await page.evaluate(() => document.getElementById("cancel").click());

    // Leaving loses it: by closing the tab, and by opening something else.
    const asked = new Promise((resolve) =>
      page.once("dialog", async (d) => {
        await d.dismiss();
        resolve(d.type());
      }),
    );
    await page.close({ runBeforeUnload: true });
    assert.equal(await asked, "beforeunload");
    await page.locator("#zip").setInputFiles({ name: "x.zip", mimeType: "application/zip", buffer: zip([["repo/a.yaml", "a: 1\n"]]) });
    const ask = page.getByRole("dialog").filter({ hasText: "Discard the changes in this tab?" });
    await ask.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#source b", { hasText: "Example repository" }).waitFor();
    await tray(page).getByRole("button", { name: "Discard all" }).click();
    await ask.getByRole("button", { name: "Discard" }).click();
    await page.locator("#changes[hidden]").waitFor({ state: "attached" });
    await page.locator("#preview .path", { hasText: "redis-third.yaml" }).first().waitFor();
    clean(p);
    await p.context.close();
    for (const dir of [native, taken]) rmSync(dir, { recursive: true });
  },
  { dark: true },
);

it("fixes of a zip are named file by file, and taken along with what is kept", async () => {
  const more = { "applications/a/redis.yaml": broken.replace("NAME", "a"), "applications/b/redis.yaml": broken.replace("NAME", "b") };
  const [native, taken] = [copyOf(more), copyOf(more)];
  const p = await open(browser, server.url);
  const { page } = p;
  const entries = Object.entries(tree(taken)).map(([path, text]) => ["devops/" + path, Buffer.from(text, "latin1")]);
  await page.locator("#zip").setInputFiles({ name: "devops.zip", mimeType: "application/zip", buffer: zip(entries) });
  await page.locator("#list [role=option]").first().waitFor();
  await page.getByRole("button", { name: "Apply safe fixes" }).click();
  const ask = page.getByRole("dialog");
  for (const path of Object.keys(more)) await ask.locator(".file", { hasText: path }).locator(".diff .add").first().waitFor();
  await ask.getByRole("button", { name: "Apply and lint again" }).click();
  await tray(page).getByRole("button", { name: "Undo: lint --fix" }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await keep(page, "jobs");
  run(native, "lint", "--fix", "--fail-on", "never");
  run(native, "generate", "resource", "shop", "redis", "--suffix", "jobs", "--profile", "queue");
  const packed = await saved(page, () => tray(page).getByRole("button", { name: "Download zip" }).click());
  const unzipped = copyOf(more);
  execFileSync("python3", ["-c", "import sys,zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])", packed.file, unzipped]);
  await patched(page, taken);
  assert.deepEqual(tree(taken), tree(native));
  assert.deepEqual(tree(unzipped), tree(native));
  clean(p);
  await p.context.close();
  for (const dir of [native, taken, unzipped, packed.dir]) rmSync(dir, { recursive: true });
});

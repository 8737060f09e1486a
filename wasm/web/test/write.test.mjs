// Writing: into a folder of the browser's, and by way of redis-gitops web into a repository on disk.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { zip } from "./archive.mjs";
import { dist, example, open, shots } from "./browser.mjs";
import { browser, drop, everywhere, grave, it, server, tool, tree } from "./suite.mjs";

const files = (dir, at = "") =>
  readdirSync(join(dir, at), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(dir, join(at, e.name)) : [join(at, e.name)]));

const folderFiles = () => files(example).map((f) => ({ path: f, text: readFileSync(join(example, f), "utf8") }));

// fillFolder, in the browser, writes files into its private folder; readFolder reads one.
async function fillFolder(list) {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("devops", { create: true });
  for (const { path, text } of list) {
    let dir = root;
    for (const part of path.split("/").slice(0, -1)) dir = await dir.getDirectoryHandle(part, { create: true });
    const w = await (await dir.getFileHandle(path.split("/").at(-1), { create: true })).createWritable();
    await w.write(text);
    await w.close();
  }
}

async function readFolder(path) {
  try {
    let dir = await (await navigator.storage.getDirectory()).getDirectoryHandle("devops");
    for (const part of path.split("/").slice(0, -1)) dir = await dir.getDirectoryHandle(part);
    return await (await (await dir.getFileHandle(path.split("/").at(-1))).getFile()).text();
  } catch {
    return null;
  }
}

// inFolder gives the paths in that folder, empty directories too.
async function inFolder() {
  const out = [];
  const visit = async (dir, at) => {
    let any = false;
    for await (const e of dir.values()) {
      any = true;
      if (e.kind === "file") out.push(at + e.name);
      else await visit(e, at + e.name + "/");
    }
    if (!any) out.push(at);
  };
  await visit(await (await navigator.storage.getDirectory()).getDirectoryHandle("devops"), "");
  return out.sort();
}

async function write(page, button) {
  await page.getByLabel("Application", { exact: true }).fill("shop");
  await page.getByLabel("Suffix").fill("written");
  await page.locator("summary", { hasText: "redis-written.yaml" }).first().waitFor();
  await page.getByRole("button", { name: button }).click();
  const ask = page.getByRole("dialog");
  await ask.getByText("files of").waitFor();
  await ask.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: button }).click();
  await ask.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
}

everywhere("into a folder that the browser opened, and back", async (mode, called) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  // The browser's own private folder is one like any other, without the dialog that only a person can answer.
  await page.evaluate(fillFolder, folderFiles());
  await page.addInitScript(
    () => (window.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("devops")),
  );
  await page.reload();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await page.getByRole("button", { name: "Open a directory" }).click();
  await page.locator("#summary", { hasText: /No findings|info/ }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await write(page, "Write to the directory");
  const text = await page.evaluate(readFolder, "applications/shop/values.yaml");
  assert.match(text, /redisWritten:/);
  // What was written, and how to commit it.
  const note = page.getByRole("region", { name: "What was written" });
  await note.getByRole("heading", { name: "3 files of devops written" }).waitFor();
  await note.locator("li", { hasText: "applications/shop/templates/redis-written.yaml" }).waitFor();
  const commands = await note.getByLabel("Git commands").innerText();
  assert.match(commands, /^git add -A -- .*applications\/shop\/values\.yaml\ngit commit -m 'generate resource shop redis .*'$/);
  await page.locator("#preview:not([aria-busy]) > #checked:not([aria-busy])").waitFor();
  await page.screenshot({ path: join(shots, `written-${called}.png`) });
  assert.deepEqual(await grave(page, "written"), []);
  // Undone, everything is as before; what somebody else has changed since is left alone.
  const undo = note.getByRole("button", { name: "Undo" });
  await page.evaluate(fillFolder, [{ path: "applications/shop/values.yaml", text: text + "# mine\n" }]);
  await undo.click();
  await page.getByRole("dialog").locator(".diff .del", { hasText: "redisWritten:" }).first().waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Undo" }).click();
  const refused = page.getByRole("dialog").filter({ hasText: "Nothing was undone" });
  await refused.getByText("applications/shop/values.yaml was changed by another program; take back that change first").waitFor();
  assert.equal(await refused.getByRole("button").count(), 1);
  await refused.getByRole("button", { name: "Close" }).click();
  assert.equal(await page.evaluate(readFolder, "applications/shop/values.yaml"), text + "# mine\n");
  await page.evaluate(fillFolder, [{ path: "applications/shop/values.yaml", text }]);
  await undo.click();
  await page.getByRole("dialog").getByRole("button", { name: "Undo" }).click();
  await page.locator("#changes[hidden]").waitFor({ state: "attached" });
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-written.yaml" }).first().waitFor();
  for (const { path, text } of folderFiles()) assert.equal(await page.evaluate(readFolder, path), text, path);
  assert.deepEqual(
    await page.evaluate(inFolder),
    folderFiles()
      .map((f) => f.path)
      .sort(),
  );
  await write(page, "Write to the directory");
  // What is kept is written from the tray, together with what is planned then.
  await page.getByLabel("Suffix").fill("kept");
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-kept.yaml" }).first().waitFor();
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByRole("heading", { name: "Changes in this tab (3 files)" }).waitFor();
  await page.getByLabel("Suffix").fill("more");
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-more.yaml" }).first().waitFor();
  await page.locator("#take-write").click();
  const ask = page.getByRole("dialog");
  for (const name of ["redis-kept.yaml", "redis-more.yaml"]) await ask.locator(".path", { hasText: name }).first().waitFor();
  await ask.getByRole("button", { name: "Write", exact: true }).click();
  await note.getByRole("heading", { name: "5 files of devops written" }).waitFor();
  assert.match(await page.evaluate(readFolder, "applications/shop/values.yaml"), /redisKept:[\s\S]*redisMore:|redisMore:[\s\S]*redisKept:/);
  assert.equal(await page.getByRole("heading", { name: /^Changes in this tab/ }).count(), 0);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("into a directory that was dropped, once the browser lets it", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.evaluate(fillFolder, folderFiles());
  // What a person drops is asked for with a dialog of the browser, which nobody answers here; the private folder stands for it.
  await page.evaluate(() => {
    globalThis.asked = [];
    FileSystemHandle.prototype.requestPermission = async ({ mode }) => (globalThis.asked.push(mode) > 1 ? "granted" : "denied");
    DataTransferItem.prototype.getAsFileSystemHandle = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("devops");
  });
  await drop(p, [example]);
  await page.locator("#source b", { hasText: "devops" }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-jobs.yaml" }).first().waitFor();
  const ask = page.getByRole("dialog");
  await page.getByRole("button", { name: "Write to the directory" }).click();
  await ask.getByRole("button", { name: "Write", exact: true }).click();
  await ask.filter({ hasText: "Nothing was written" }).getByText("write permission was denied in the browser").waitFor();
  await ask.getByRole("button", { name: "Close" }).click();
  assert.equal(await page.evaluate(readFolder, "applications/shop/templates/redis-jobs.yaml"), null);
  await page.getByRole("button", { name: "Write to the directory" }).click();
  await ask.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByRole("heading", { name: "3 files of devops written" }).waitFor();
  assert.match(await page.evaluate(readFolder, "applications/shop/values.yaml"), /redisJobs:/);
  assert.deepEqual(await page.evaluate(() => globalThis.asked), ["readwrite", "readwrite"]);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("into a folder that is chosen then, for what came as a zip; one that has changed is left alone", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.evaluate(fillFolder, folderFiles());
  await page.addInitScript(
    () => (window.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("devops")),
  );
  await page.reload();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await page.locator("#zip").setInputFiles({
    name: "devops.zip",
    mimeType: "application/zip",
    buffer: zip(folderFiles().map((f) => ["devops/" + f.path, f.text])),
  });
  await page.locator("#source b", { hasText: "devops" }).waitFor();
  await page.locator("#summary", { hasText: /indings|info/ }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await page.getByLabel("Suffix").fill("written");
  await page.locator("summary", { hasText: "redis-written.yaml" }).first().waitFor();
  // Somebody has changed a file meanwhile: nothing at all is written.
  await page.evaluate(fillFolder, [{ path: "applications/shop/values.yaml", text: "changed: meanwhile\n" }]);
  await page.getByRole("button", { name: "Write to a directory" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Write", exact: true }).click();
  await page.getByRole("dialog").filter({ hasText: "applications/shop/values.yaml was changed by another program" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  assert.equal(await page.evaluate(readFolder, "applications/shop/templates/redis-written.yaml"), null);
  await page.evaluate(fillFolder, folderFiles());
  await write(page, "Write to a directory");
  assert.match(await page.evaluate(readFolder, "applications/shop/values.yaml"), /redisWritten:/);
  assert.match(await page.evaluate(readFolder, "applications/shop/templates/redis-written.yaml"), /RedisFailover/);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("into a repository on disk, by redis-gitops web", async () => {
  const dir = mkdtempSync(join(tmpdir(), "web-local-"));
  const repo = join(dir, "devops");
  cpSync(example, repo, { recursive: true });
  execFileSync("git", ["init", "-q"], { cwd: repo });
  const child = spawn(tool(), ["-C", repo, "web", "--page", dist], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error("it ended with " + code)));
    });
    const p = await open(browser, url, { allowed: [/status of 409|ERR_CONNECTION_REFUSED/] });
    const { page } = p;
    assert.match(await page.locator("#source").innerText(), /devops/);
    await write(page, "Write to the repository");
    assert.match(readFileSync(join(repo, "applications/shop/values.yaml"), "utf8"), /redisWritten:/);
    assert.ok(existsSync(join(repo, "applications/shop/templates/redis-written.yaml")));
    // Undone by the record that the command line has, to the byte; never when something else has changed since.
    const note = page.getByRole("region", { name: "What was written" });
    const ask = page.getByRole("dialog");
    const undo = async () => {
      await note.getByRole("button", { name: "Undo" }).click();
      await ask.getByRole("button", { name: "Undo" }).click();
    };
    const refused = async (why) => {
      await ask.filter({ hasText: "Nothing was undone" }).getByText(why).waitFor();
      await ask.getByRole("button", { name: "Close" }).click();
    };
    const values = join(repo, "applications/shop/values.yaml");
    const written = readFileSync(values, "utf8");
    writeFileSync(values, written + "# mine\n");
    await undo();
    await refused("applications/shop/values.yaml: has changed since; take back that change first, or undo both with git restore");
    assert.ok(existsSync(join(repo, "applications/shop/templates/redis-written.yaml")));
    writeFileSync(values, written);
    await undo();
    await page.locator("#changes[hidden]").waitFor({ state: "attached" });
    assert.deepEqual(tree(repo), tree(example));
    // What the command line takes back, or has changed since, the page does not take back again.
    await write(page, "Write to the repository");
    execFileSync(tool(), ["-C", repo, "generate", "application", "blog"]);
    await undo();
    await refused(/is not the last change, which is "generate application blog"; undo that one first/);
    execFileSync(tool(), ["-C", repo, "undo", "--yes"]);
    await undo();
    await refused("it was undone already, or use git restore");
    assert.equal((await fetch(new URL("/", url))).status, 404);
    assert.equal((await fetch(url + "api/repository", { headers: { origin: "https://evil.example" } })).status, 403);
    // A server that has ended says so, in words.
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("exit", resolve));
    page.once("dialog", (d) => d.accept());
    await page.getByRole("button", { name: "Reload" }).click();
    await page.getByRole("alert").filter({ hasText: "Redis-gitops web does not answer; start it again" }).waitFor();
    assert.deepEqual(p.problems, []);
    await p.context.close();
  } finally {
    if (child.exitCode === null && child.kill("SIGINT")) await new Promise((resolve) => child.once("exit", resolve));
    rmSync(dir, { recursive: true });
  }
});

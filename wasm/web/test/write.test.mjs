// Writing: into a folder of the browser's, and by way of redis-gitops web into a repository on disk.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { zip } from "./archive.mjs";
import { dist, example, open } from "./browser.mjs";
import { browser, everywhere, it, server, tool } from "./suite.mjs";

const files = (dir, at = "") =>
  readdirSync(join(dir, at), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(dir, join(at, e.name)) : [join(at, e.name)]));

const folderFiles = () => files(example).map((f) => ({ path: f, text: readFileSync(join(example, f), "utf8") }));

// fillFolder, in the browser, writes files into its private folder; readFolder reads one.
async function fillFolder(list) {
  const root = await navigator.storage.getDirectory();
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
    let dir = await navigator.storage.getDirectory();
    for (const part of path.split("/").slice(0, -1)) dir = await dir.getDirectoryHandle(part);
    return await (await (await dir.getFileHandle(path.split("/").at(-1))).getFile()).text();
  } catch {
    return null;
  }
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

everywhere("into a folder that the browser opened", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  // The browser's own private folder is one like any other, without the dialog that only a person can answer.
  await page.evaluate(fillFolder, folderFiles());
  await page.addInitScript(() => (window.showDirectoryPicker = () => navigator.storage.getDirectory()));
  await page.reload();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await page.getByRole("button", { name: "Open a directory" }).click();
  await page.locator("#summary", { hasText: /No findings|info/ }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await write(page, "Write to the directory");
  const text = await page.evaluate(readFolder, "applications/shop/values.yaml");
  assert.match(text, /redisWritten:/);
  // What was written, and how to commit it.
  const note = page.getByRole("status").filter({ hasText: "3 files of" });
  await note.getByText("Files, and how to commit them").click();
  await note.locator("li", { hasText: "applications/shop/templates/redis-written.yaml" }).waitFor();
  const commands = await note.getByLabel("Git commands").innerText();
  assert.match(commands, /^git add -A -- .*applications\/shop\/values\.yaml\ngit commit -m 'generate resource shop redis .*'$/);
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
  await page.getByRole("status").filter({ hasText: "5 files of" }).waitFor();
  assert.match(await page.evaluate(readFolder, "applications/shop/values.yaml"), /redisKept:[\s\S]*redisMore:|redisMore:[\s\S]*redisKept:/);
  assert.equal(await page.getByRole("heading", { name: /^Changes in this tab/ }).count(), 0);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("into a folder that is chosen then, for what came as a zip; one that has changed is left alone", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.evaluate(fillFolder, folderFiles());
  await page.addInitScript(() => (window.showDirectoryPicker = () => navigator.storage.getDirectory()));
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
    const p = await open(browser, url);
    const { page } = p;
    assert.match(await page.locator("#source").innerText(), /devops/);
    await write(page, "Write to the repository");
    assert.match(readFileSync(join(repo, "applications/shop/values.yaml"), "utf8"), /redisWritten:/);
    assert.ok(existsSync(join(repo, "applications/shop/templates/redis-written.yaml")));
    assert.equal((await fetch(new URL("/", url))).status, 404);
    assert.equal((await fetch(url + "api/repository", { headers: { origin: "https://evil.example" } })).status, 403);
    assert.deepEqual(p.problems, []);
    await p.context.close();
  } finally {
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("exit", resolve));
    rmSync(dir, { recursive: true });
  }
});

// The directory that was opened last is offered again; the browser keeps which one, never what is in it.
import assert from "node:assert/strict";
import { open } from "./browser.mjs";
import { browser, it, server } from "./suite.mjs";

// pick, in the browser, stands for the dialog that only a person can answer.
const pick = () => {
  window.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("devops");
};

async function fill() {
  const dir = await (await navigator.storage.getDirectory()).getDirectoryHandle("devops", { create: true });
  const w = await (await dir.getFileHandle("secret.yaml", { create: true })).createWritable();
  await w.write("kind: Secret\napiVersion: v1\nmetadata:\n  name: x\nstringData:\n  password: hunter2-hunter2\n");
  await w.close();
}

// kept, in the browser, gives all that its databases have.
async function kept() {
  const out = [];
  const settled = (r) => new Promise((ok, no) => Object.assign(r, { onsuccess: () => ok(r.result), onerror: () => no(r.error) }));
  for (const { name } of await indexedDB.databases()) {
    const db = await settled(indexedDB.open(name));
    for (const store of db.objectStoreNames)
      for (const v of await settled(db.transaction(store).objectStore(store).getAll())) out.push(`${v.constructor.name} ${v.name}`);
    db.close();
  }
  return out;
}

it("a directory is reopened on the next visit, unless it is forgotten or the browser refuses", async () => {
  const p = await open(browser, server.url, { ready: null });
  const { page } = p;
  await page.addInitScript(pick);
  await page.goto(server.url);
  await page.locator('#status[data-kind="ok"]').waitFor();
  assert.deepEqual(await page.evaluate(kept), []);
  assert.equal(await page.locator("#reopen").count(), 0);
  await page.evaluate(fill);
  await page.getByRole("button", { name: "Open a directory" }).click();
  await page.locator("#source b", { hasText: "devops" }).waitFor();
  assert.equal(await page.locator("#reopen").count(), 0, "it is open already");
  await page.waitForFunction(async () => (await indexedDB.databases()).length > 0);
  assert.deepEqual(await page.evaluate(kept), ["FileSystemDirectoryHandle devops"]);

  await page.reload();
  await page.getByRole("button", { name: "Reopen devops" }).waitFor();
  await page.locator("#source b", { hasText: "Example repository" }).waitFor();
  await page.evaluate(() => (FileSystemHandle.prototype.requestPermission = async () => "denied"));
  await page.getByRole("button", { name: "Reopen devops" }).click();
  await page.getByRole("dialog").filter({ hasText: "read permission for devops was denied in the browser" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.evaluate(() => (FileSystemHandle.prototype.requestPermission = async ({ mode }) => (mode === "read" ? "granted" : "denied")));
  await page.getByRole("button", { name: "Reopen devops" }).click();
  await page.locator("#source b", { hasText: "devops" }).waitFor();

  await page.reload();
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.locator("#reopen").waitFor({ state: "detached" });
  assert.deepEqual(await page.evaluate(kept), []);
  await page.reload();
  await page.locator("#source b", { hasText: "Example repository" }).waitFor();
  assert.equal(await page.locator("#reopen").count(), 0);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

// What the form offers beside a plain new Redis: a value to use, a key of a secret store, and an update with its conflicts.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zip } from "./archive.mjs";
import { example, open } from "./browser.mjs";
import { browser, everywhere, it, server } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

everywhere("a value that is rejected is replaced by the suggested one with a click", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  const memory = page.getByRole("textbox", { name: "Memory" });
  await memory.fill("100MB");
  const at = page.locator("#value-memory-error");
  await at.getByRole("button", { name: "Use 100Mi" }).click();
  await page.locator("#preview:not([aria-busy]) pre", { hasText: "--set memory=100Mi" }).waitFor();
  assert.equal(await memory.inputValue(), "100Mi");
  assert.equal(await page.evaluate(() => document.activeElement.id), "value-memory");
  assert.equal(await at.count(), 0);
  // A name that is close to one of several, from an address that somebody has typed.
  await page.evaluate(() => {
    location.hash = location.hash.replace("profile=queue", "profile=queu");
  });
  await page.getByRole("alert").getByRole("button", { name: "Use queue" }).click();
  await page.locator("#preview:not([aria-busy]) pre", { hasText: "--profile queue" }).waitFor();
  assert.equal(await page.locator("#profile-queue").isChecked(), true);
  // Where there is nothing to suggest there is no button.
  await page.getByRole("textbox", { name: "Image" }).fill("");
  await page.getByLabel("Suffix").fill("A_B");
  await page.locator("#suffix-error").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Use / }).count(), 0);
  clean(p);
  await p.context.close();
});

it("the password of External Secrets may be a key that the store has", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByLabel("Password", { exact: true }).selectOption("external");
  await page.getByLabel("Secret store").fill("vault");
  await page.locator("#preview:not([aria-busy]) pre", { hasText: "--auth external --store vault" }).waitFor();
  assert.equal(await page.getByLabel("Secret name").count(), 0, "no flag of the command line names that Secret");
  await page.getByLabel("Key in the store").fill("prod/redis#password");
  await page.locator("#preview:not([aria-busy]) pre", { hasText: "--auth 'external:prod/redis#password' --store vault" }).waitFor();
  await page.getByLabel("Key in the store").fill("#");
  await page.locator("#key-error").waitFor();
  await page.getByLabel("Key in the store").fill("prod/redis");
  await page.locator("#preview:not([aria-busy]) pre", { hasText: "--auth external:prod/redis" }).waitFor();
  // A link has it: it is a name, not the password.
  await page.waitForFunction(() => location.hash.includes("key=prod%2Fredis"));
  clean(p);
  await p.context.close();
});

// repository gives the example, with a generator and what it has generated changed in the same line.
function repository() {
  const walk = (dir, at = "") =>
    readdirSync(join(dir, at), { withFileTypes: true }).flatMap((e) =>
      e.isDirectory() ? walk(dir, join(at, e.name)) : [join(at, e.name)],
    );
  const ports = { "generators/deployments/web.yaml": "4000", "applications/shop/templates/deployment-web.yaml": "5000" };
  return walk(example).map((f) => {
    const text = readFileSync(join(example, f), "utf8");
    return ["devops/" + f, ports[f] ? text.replace("containerPort: 3000", "containerPort: " + ports[f]) : text];
  });
}

everywhere("generated files are updated; lines that both sides changed are kept, overwritten or merged", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.getByText("An update", { exact: true }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
  await page.locator("#zip").setInputFiles({ name: "d.zip", mimeType: "application/zip", buffer: zip(repository()) });
  await page.locator("#source b", { hasText: "devops" }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  const card = page.getByRole("alert").filter({ hasText: "Conflicts with existing content" });
  await card.getByText("the generator and the file changed the same lines").waitFor();
  assert.doesNotMatch(await card.innerText(), /--(force|keep|merge)/);
  for (const [button, flag, said] of [
    ["Keep existing", "--keep", "Existing content is kept."],
    ["Overwrite", "--force", "Existing content is overwritten."],
    ["Merge with markers", "--merge", "Conflicting lines are written with conflict markers"],
  ]) {
    await card.getByRole("button", { name: button }).click();
    await page.locator("#preview:not([aria-busy]) pre", { hasText: `redis-gitops generate update shop ${flag}` }).waitFor();
    await page.locator(".note", { hasText: said }).waitFor();
    if (flag !== "--merge") await page.getByRole("button", { name: "Ask again" }).click();
  }
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  const tray = page.locator("#changes");
  await tray.getByText("Show the changes").click();
  await tray.locator(".diff .add", { hasText: "<<<<<<< file" }).waitFor();
  clean(p);
  await p.context.close();
});

it("values that only some ask for are in the form, and in the link", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const details = page.locator("#form details");
  assert.equal(await page.getByLabel("Storage class").isVisible(), false);
  await details.locator("summary").click();
  const command = (text) => page.locator("#preview:not([aria-busy]) pre", { hasText: text }).first().waitFor();
  await page.getByLabel("Storage class").fill("fast-ssd");
  await command("--set storageClass=fast-ssd");
  await page.getByLabel("Zones").selectOption("true");
  await page.getByLabel("Tolerations").fill("dedicated=redis:NoSchedule");
  await command("--set tolerations=dedicated=redis:NoSchedule");
  await page
    .locator("#preview", { hasText: "tolerations: [{effect: NoSchedule, key: dedicated, operator: Equal, value: redis}]" })
    .waitFor();
  await page.getByLabel("Maxmemory percent").fill("95");
  await page.locator("#value-maxmemoryPercent-error").waitFor();
  await page.getByLabel("Maxmemory percent").fill("");
  await page.getByLabel("Storage class").fill("Fast");
  await page.locator("#value-storageClass-error").waitFor();
  await page.getByLabel("Storage class").fill("fast-ssd");
  await page.waitForFunction(() => location.hash.includes("set.storageClass=fast-ssd") && location.hash.includes("set.zones=true"));
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await command("--set storageClass=fast-ssd");
  assert.equal(await page.locator("#value-tolerations").inputValue(), "dedicated=redis:NoSchedule");
  clean(p);
  await p.context.close();
});

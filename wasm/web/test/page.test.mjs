import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { example, open, shots, web } from "./browser.mjs";
import { browser, it, server } from "./suite.mjs";
import { zip } from "./archive.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

async function axe(page, what) {
  // As the browser's own tool does it: the page's policy is against scripts from elsewhere.
  await page.evaluate(readFileSync(join(web, "node_modules", "axe-core", "axe.min.js"), "utf8") + ";void 0");
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const grave = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(grave.map((v) => `${what}: ${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join(", ")}`), []);
}

async function saved(page, click) {
  const [d] = await Promise.all([page.waitForEvent("download"), click()]);
  const dir = mkdtempSync(join(tmpdir(), "web-download-"));
  const file = join(dir, d.suggestedFilename());
  await d.saveAs(file);
  return { file, dir };
}

it("scaffold: choose, see files, diff and checks, take them along", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByText("Passes every check").waitFor();
  await page.getByLabel("Application", { exact: true }).fill("payments");
  await page.getByText("Cache", { exact: true }).click();
  await page.getByRole("textbox", { name: "Memory" }).fill("1Gi");
  await page.getByLabel("Suffix").fill("pages");
  await page.getByText("applications/payments/templates/redis-pages.yaml").waitFor();
  await page.locator(".url code", { hasText: "payments-pages" }).waitFor();
  await page.locator("pre", { hasText: "redis-gitops generate resource payments redis --suffix pages --profile cache --set memory=1Gi" }).waitFor();
  await page.locator(".diff .add", { hasText: "1Gi" }).first().waitFor();
  await page.locator("#checked h3:not(:text('Checks'))").or(page.locator("#checked h3:text('Checks:')")).first().waitFor();

  // The patch applies, and gives what the command line gives.
  const { file, dir } = await saved(page, () => page.getByRole("button", { name: "Patch" }).click());
  cpSync(example, join(dir, "repo"), { recursive: true });
  execFileSync("git", ["init", "-q"], { cwd: join(dir, "repo") });
  execFileSync("git", ["apply", file], { cwd: join(dir, "repo") });
  assert.match(readFileSync(join(dir, "repo/applications/payments/values.yaml"), "utf8"), /redisPages:[\s\S]*memory: 1Gi/);
  rmSync(dir, { recursive: true });

  const z = await saved(page, () => page.getByRole("button", { name: "Zip", exact: true }).click());
  const bytes = readFileSync(z.file);
  assert.equal(bytes.readUInt32LE(0), 0x04034b50);
  assert.match(execFileSync("python3", ["-c", "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(z.namelist())", z.file]).toString(), /redis-pages\.yaml/);
  rmSync(z.dir, { recursive: true });

  // The link fills the form for a colleague.
  await page.getByRole("button", { name: "Copy link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const q = await open(browser, link);
  await q.page.locator(".url code", { hasText: "payments-pages" }).waitFor();
  assert.equal(await q.page.getByRole("textbox", { name: "Memory" }).inputValue(), "1Gi");
  clean(q);
  await q.context.close();

  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByText("Nothing to do: everything is there already.").waitFor();
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.getByRole("button", { name: "payments-pages" }).waitFor();
  clean(p);
  await p.context.close();
});

it("scaffold: what is wrong is said, a conflict is shown", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByRole("textbox", { name: "Memory" }).fill("1GB");
  await page.getByRole("alert").filter({ hasText: "memory" }).waitFor();
  await page.getByRole("textbox", { name: "Memory" }).fill("3Gi");
  await page.getByLabel("Suffix").fill("");
  await page.getByText("Something else stands there").waitFor();
  await page.getByRole("button", { name: "Replace it" }).click();
  await page.locator("pre", { hasText: "--force" }).waitFor();
  clean(p);
  await p.context.close();
});

it("lint: a folder with faults, its source, causes and fix", async () => {
  const dir = mkdtempSync(join(tmpdir(), "web-repo-"));
  cpSync(example, join(dir, "shop-repo"), { recursive: true });
  const values = join(dir, "shop-repo/applications/shop/values.yaml");
  const before = readFileSync(values, "utf8");
  const { writeFileSync, mkdirSync } = await import("node:fs");
  writeFileSync(values, before.replace(/replicas: 3/, "replicas: 1"));
  mkdirSync(join(dir, "shop-repo/applications/bad"));
  writeFileSync(join(dir, "shop-repo/applications/bad/bad.yaml"), broken);
  const p = await open(browser, server.url);
  const { page } = p;
  await page.locator("#folder").setInputFiles(join(dir, "shop-repo"));
  await page.locator("#summary", { hasText: /error/ }).waitFor();
  assert.match(await page.locator("#source").innerText(), /shop-repo/);
  const list = page.getByRole("listbox", { name: "Findings" });
  await list.focus();
  await page.keyboard.press("ArrowDown");
  await page.locator("#detail .excerpt .hit").first().waitFor();
  await page.locator("#detail .doc h4", { hasText: "Why" }).waitFor();
  await page.getByPlaceholder("Search").fill("applications/bad");
  await list.getByRole("option").filter({ hasText: "fix" }).first().click();
  await page.getByRole("button", { name: "Show the change" }).click();
  await page.locator("#detail .diff .add").first().waitFor();
  await page.screenshot({ path: join(shots, "lint-light.png") });
  const count = await page.locator("#count-error").innerText() + "/" + await page.locator("#count-warning").innerText();
  await page.getByRole("button", { name: "Apply and check again" }).click();
  await page.waitForFunction((c) => document.querySelector("#count-error").textContent + "/" + document.querySelector("#count-warning").textContent !== c, count);
  const sarif = await saved(page, () => page.getByRole("button", { name: "SARIF" }).click());
  assert.equal(JSON.parse(readFileSync(sarif.file, "utf8")).version, "2.1.0");
  await page.locator("#strict").check();
  await page.locator("#summary", { hasText: /error/ }).waitFor();
  await axe(page, "lint");
  clean(p);
  await p.context.close();
  rmSync(dir, { recursive: true });
  rmSync(sarif.dir, { recursive: true });
});

const broken = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: bad
spec:
  sentinel:
    replicas: 2
  redis:
    replicas: 1
    customConfig:
      - maxmemory-policy volatile-lru
`;

it("a zip is opened; hostile ones are not", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const give = async (entries, options) => page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: zip(entries, options) });
  const refused = async (text) => {
    const d = page.getByRole("dialog");
    await d.filter({ hasText: text }).waitFor();
    await d.getByRole("button", { name: "Close" }).click();
  };
  await give([["../evil.yaml", "a: 1"]]);
  await refused("leads out of the archive");
  await give([["/etc/passwd", "a: 1"]]);
  await refused("absolute");
  await give([["a\\..\\b.yaml", "a: 1"]]);
  await refused("character");
  await give([["bomb.yaml", Buffer.alloc(4_000_000, "a")]]);
  await refused("times when it is unpacked");
  await give([["lie.yaml", "a".repeat(5000)]], { plain: 100 });
  await refused("larger than the archive says");
  await give(Array.from({ length: 20_001 }, (_, i) => [`f${i}.yaml`, ""]));
  await refused("more than 20,000 files");
  await give(Array.from({ length: 100_000 }, (_, i) => [`f${i}.yaml`, ""]));
  await refused("too many files");
  await give([["repo/applications/x/redis.yaml", broken], ["repo/huge.yaml", Buffer.alloc(200 << 20, "a")]]);
  await page.getByRole("dialog").filter({ hasText: "huge.yaml: larger than 4 MiB" }).waitFor();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: Buffer.from("no zip at all") });
  await refused("no zip archive");
  // After all that a good one works, and names are text.
  const evil = `<img src=x onerror="document.title='owned'">`;
  await give([["repo/applications/x/redis.yaml", broken.replace("name: bad", `name: ${JSON.stringify(evil)}`)], [`repo/applications/${evil.replaceAll("/", "")}/r.yaml`, broken]]);
  await page.locator("#summary", { hasText: /error|warning/ }).waitFor();
  await page.getByRole("listbox", { name: "Findings" }).focus();
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowDown");
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.locator("#explore").getByText("img src").first().waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal(await page.title(), "redis-gitops");
  clean(p);
  await p.context.close();
});

it("a template that never ends can be cancelled, and the page goes on", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const loop = '{{- define "x" }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}\na: {{ include "x" . }}\n';
  const entries = Array.from({ length: 12 }, (_, i) => [
    [`repo/applications/a${i}/Chart.yaml`, `apiVersion: v2\nname: a${i}\nversion: 1.0.0\n`], [`repo/applications/a${i}/values.yaml`, "a: 1\n"], [`repo/applications/a${i}/templates/x.yaml`, loop],
  ]).flat();
  await page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: zip(entries) });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  await page.getByRole("button", { name: "Example" }).click();
  await page.locator("#summary", { hasText: /Nothing found|error|warning|remark/ }).waitFor();
  clean(p);
  await p.context.close();
});

it("nothing of a repository is stored or sent", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const sent = [];
  page.on("request", (r) => sent.push(r.method() + " " + r.url() + " " + (r.postData() ?? "")));
  await page.locator("#zip").setInputFiles({ name: "s.zip", mimeType: "application/zip", buffer: zip([["repo/applications/x/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password: hunter2-hunter2\n"], ["repo/applications/x/r.yaml", broken]]) });
  await page.locator("#summary", { hasText: /error|warning/ }).waitFor();
  await page.getByRole("tab", { name: "Scaffold" }).click();
  const kept = await page.evaluate(async () => {
    const out = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie, location.href];
    for (const n of await caches.keys()) for (const r of await (await caches.open(n)).keys()) out.push(r.url);
    for (const d of await indexedDB.databases()) out.push(d.name);
    return out.join("\n");
  });
  assert.doesNotMatch(kept + sent.join("\n"), /hunter2/);
  clean(p);
  await p.context.close();
});

it("explore: every Redis with its topology and code", async () => {
  const p = await open(browser, server.url + "#explore");
  const { page } = p;
  await page.getByRole("button", { name: "shop-cache" }).click();
  await page.locator(".instance h3", { hasText: "shop-cache" }).waitFor();
  await page.locator("svg.topology").waitFor();
  await page.getByLabel("Connect with").selectOption("rails");
  await page.locator("pre", { hasText: /redis/i }).first().waitFor();
  await page.screenshot({ path: join(shots, "explore-light.png"), fullPage: true });
  await axe(page, "explore");
  clean(p);
  await p.context.close();
});

it("works again without a network", async () => {
  const p = await open(browser, server.url);
  const { page, context } = p;
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated");
  await page.reload();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await context.setOffline(true);
  await page.reload();
  await page.getByText("Passes every check").waitFor();
  await context.close();
  clean(p);
});

for (const [name, options] of Object.entries({ light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } })) {
  it(`looks right: ${name}`, async () => {
    const p = await open(browser, server.url, options);
    const { page } = p;
    await page.getByText("Passes every check").waitFor();
    await page.screenshot({ path: join(shots, `scaffold-${name}.png`), fullPage: name === "phone" });
    // The picture of the README.
    if (name === "light" && process.env.UPDATE) await page.screenshot({ path: join(web, "..", "..", "docs", "page.png") });
    await axe(page, "scaffold " + name);
    await page.getByRole("tab", { name: "Lint" }).click();
    await page.locator("#summary", { hasText: "found" }).or(page.locator("#summary", { hasText: "remark" })).waitFor();
    await page.locator("#strict").check();
    await page.locator("#summary", { hasText: /[1-9]\d* (error|warning|remark)/ }).waitFor();
    await page.getByRole("listbox", { name: "Findings" }).getByRole("option").first().click();
    await page.locator("#detail .doc h4").first().waitFor();
    await page.screenshot({ path: join(shots, `strict-${name}.png`) });
    await axe(page, "lint " + name);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
    clean(p);
    await p.context.close();
  });
}

it("is worked by keyboard alone", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByRole("tab", { name: "Scaffold" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-lint");
  await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "shop-cache" }).focus();
  await page.keyboard.press("Enter");
  await page.locator(".instance h3", { hasText: "shop-cache" }).waitFor();
  clean(p);
  await p.context.close();
});

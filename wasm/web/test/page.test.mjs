import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, cpSync, ftruncateSync, linkSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zip } from "./archive.mjs";
import { example, launch, open, shots, slow } from "./browser.mjs";
import { browser, drop, everywhere, grave, it, saved, server, tool, tree } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

async function axe(page, what) {
  assert.deepEqual(await grave(page, what), []);
}

it("scaffold: choose, see files, diff and checks, take them along", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByText("✓ Lint passed").waitFor();
  await page.getByLabel("Application", { exact: true }).fill("payments");
  await page.getByText("Cache", { exact: true }).click();
  await page.getByRole("textbox", { name: "Memory" }).fill("1Gi");
  await page.getByLabel("Suffix").fill("pages");
  await page.getByText("applications/payments/templates/redis-pages.yaml").waitFor();
  await page.locator(".url code", { hasText: "payments-pages" }).waitFor();
  await page
    .locator("pre", { hasText: "redis-gitops generate resource payments redis --suffix pages --profile cache --set memory=1Gi" })
    .waitFor();
  await page.locator(".diff .add", { hasText: "1Gi" }).first().waitFor();
  await page.locator("#checked h3:not(:text('Checks'))").or(page.locator("#checked h3:text('Checks:')")).first().waitFor();

  // The patch applies, and gives what the command line gives.
  const { file, dir } = await saved(page, () => page.getByRole("button", { name: "Download patch" }).click());
  cpSync(example, join(dir, "repo"), { recursive: true });
  execFileSync("git", ["init", "-q"], { cwd: join(dir, "repo") });
  execFileSync("git", ["apply", file], { cwd: join(dir, "repo") });
  assert.match(readFileSync(join(dir, "repo/applications/payments/values.yaml"), "utf8"), /redisPages:[\s\S]*memory: 1Gi/);
  rmSync(dir, { recursive: true });

  const z = await saved(page, () => page.getByRole("button", { name: "Download zip" }).click());
  const bytes = readFileSync(z.file);
  assert.equal(bytes.readUInt32LE(0), 0x04034b50);
  assert.match(
    execFileSync("python3", [
      "-c",
      "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(z.namelist())",
      z.file,
    ]).toString(),
    /redis-pages\.yaml/,
  );
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
  await page.getByText("Nothing to do: already up to date.").waitFor();
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
  await page.getByText("Conflicts with existing content").waitFor();
  await page.getByRole("button", { name: "Overwrite" }).click();
  await page.locator("pre", { hasText: "--force" }).waitFor();
  clean(p);
  await p.context.close();
});

it("explore: what a Redis survives, as assess says", async () => {
  const p = await open(browser, server.url + "#explore");
  const { page } = p;
  await page.getByRole("button", { name: "shop-cache", exact: true }).click();
  const table = page.locator(".instance", { hasText: "shop-cache" }).locator(".survives");
  await table.getByText("loss of a zone").waitFor();
  assert.equal(await table.locator("dt").count(), 11);
  assert.match(await table.locator("dd").nth(4).innerText(), /no pod has a volume: all data is lost/);
  await table
    .getByText(/applications\/shop\/values\.yaml:\d+/)
    .first()
    .waitFor();
  clean(p);
  await p.context.close();
});

everywhere(
  "lint: a folder with faults, its source, causes and fix",
  async (mode, called) => {
    const dir = mkdtempSync(join(tmpdir(), "web-repo-"));
    cpSync(example, join(dir, "shop-repo"), { recursive: true });
    const values = join(dir, "shop-repo/applications/shop/values.yaml");
    const before = readFileSync(values, "utf8");
    const { writeFileSync, mkdirSync } = await import("node:fs");
    writeFileSync(values, before.replace(/replicas: 3/, "replicas: 1"));
    mkdirSync(join(dir, "shop-repo/applications/bad"));
    writeFileSync(join(dir, "shop-repo/applications/bad/bad.yaml"), broken);
    const p = await open(browser, server.url, mode);
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
    await page.getByRole("button", { name: "Show the diff" }).click();
    await page.locator("#detail .diff .add").first().waitFor();
    await page.screenshot({ path: join(shots, `fix-${called}.png`) });
    const count = (await page.locator("#count-error").innerText()) + "/" + (await page.locator("#count-warning").innerText());
    await page.getByRole("button", { name: "Apply and lint again" }).click();
    await page.waitForFunction(
      (c) => document.querySelector("#count-error").textContent + "/" + document.querySelector("#count-warning").textContent !== c,
      count,
    );
    const sarif = await saved(page, () => page.getByRole("button", { name: "SARIF" }).click());
    assert.equal(JSON.parse(readFileSync(sarif.file, "utf8")).version, "2.1.0");
    await page.locator("#strict").check();
    await page.locator("#summary", { hasText: /error/ }).waitFor();
    await axe(page, "lint");
    clean(p);
    await p.context.close();
    rmSync(dir, { recursive: true });
    rmSync(sarif.dir, { recursive: true });
  },
  { dark: true },
);

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
      - maxmemory-policy  volatile-lru
`;

it("a zip is opened; hostile ones are not", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const give = async (entries, options) =>
    page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: zip(entries, options) });
  const refused = async (text) => {
    const d = page.getByRole("dialog");
    await d.filter({ hasText: text }).waitFor();
    assert.equal(await d.getByRole("button").count(), 1, "one way out is one button");
    await d.getByRole("button", { name: "Close" }).click();
  };
  await give([["../evil.yaml", "a: 1"]]);
  await refused("leaves the archive");
  await give([["/etc/passwd", "a: 1"]]);
  await refused("absolute");
  await give([["a\\..\\b.yaml", "a: 1"]]);
  await refused('no relevant files found; a\\..\\b.yaml: its name contains "\\"');
  await give([["bomb.yaml", Buffer.alloc(4_000_000, "a")]]);
  await refused("times when decompressed");
  await give([["lie.yaml", "a".repeat(5000)]], { plain: 100 });
  await refused("larger than the archive says");
  await give(Array.from({ length: 20_001 }, (_, i) => [`f${i}.yaml`, ""]));
  await refused("more than 20,000 files");
  await give(Array.from({ length: 100_000 }, (_, i) => [`f${i}.yaml`, ""]));
  await refused("too many files");
  await give([
    ["repo/applications/x/redis.yaml", broken],
    ["repo/huge.yaml", Buffer.alloc(200 << 20, "a")],
  ]);
  await page.locator("#skipped li", { hasText: "huge.yaml: larger than 4 MiB" }).waitFor({ state: "attached" });
  await page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: Buffer.from("no zip at all") });
  await refused("not a zip archive");
  // After all that a good one works, and names are text.
  const evil = `<img src=x onerror="document.title='owned'">`;
  await give([
    ["repo/applications/x/redis.yaml", broken.replace("name: bad", `name: ${JSON.stringify(evil)}`)],
    [`repo/applications/${evil.replaceAll("/", "")}/r.yaml`, broken],
  ]);
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

it("a template that never ends can be cancelled, the worker is replaced, and the page goes on", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const loop = '{{- define "x" }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}\na: {{ include "x" . }}\n';
  const entries = Array.from({ length: 12 }, (_, i) => [
    [`repo/applications/a${i}/Chart.yaml`, `apiVersion: v2\nname: a${i}\nversion: 1.0.0\n`],
    [`repo/applications/a${i}/values.yaml`, "a: 1\n"],
    [`repo/applications/a${i}/templates/x.yaml`, loop],
  ]).flat();
  await page.locator("#zip").setInputFiles({ name: "repo.zip", mimeType: "application/zip", buffer: zip(entries) });
  await page.locator("#summary", { hasText: "Checking…" }).waitFor();
  const [worker] = page.workers();
  const ended = new Promise((resolve) => worker.once("close", resolve));
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  // The program is another one now, and does what it is asked.
  await ended;
  await page.getByRole("button", { name: "Lint again" }).waitFor();
  await page.getByRole("button", { name: "Example" }).click();
  await page.locator("#summary", { hasText: /No findings|error|warning|info/ }).waitFor();
  clean(p);
  await p.context.close();
});

it("nothing of a repository is stored or sent", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const sent = [];
  page.on("request", (r) => sent.push(r.method() + " " + r.url() + " " + (r.postData() ?? "")));
  await page.locator("#zip").setInputFiles({
    name: "s.zip",
    mimeType: "application/zip",
    buffer: zip([
      ["repo/applications/x/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password: hunter2-hunter2\n"],
      ["repo/applications/x/r.yaml", broken],
    ]),
  });
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

everywhere(
  "explore: every Redis with its topology and code",
  async (mode, called) => {
    const p = await open(browser, server.url + "#explore", mode);
    const { page } = p;
    await page.getByRole("button", { name: "shop-cache" }).click();
    await page.locator(".instance h3", { hasText: "shop-cache" }).waitFor();
    await page.locator("svg.topology").waitFor();
    await page.getByLabel("Connect with").selectOption("rails");
    await page.locator("pre", { hasText: /redis/i }).first().waitFor();
    await page.screenshot({ path: join(shots, `code-${called}.png`), fullPage: true });
    await axe(page, "explore");
    clean(p);
    await p.context.close();
  },
  { dark: true },
);

it("the topology fits a phone, from top to bottom, and turns with the window", async () => {
  const p = await open(browser, server.url + "#explore", { viewport: { width: 375, height: 740 } });
  const { page } = p;
  const box = async () => {
    const b = await page.locator("svg.topology").boundingBox();
    return { ...b, outer: await page.locator(".diagram").evaluate((e) => [e.scrollWidth, e.clientWidth]) };
  };
  await page.locator("svg.topology").waitFor();
  const narrow = await box();
  assert.ok(narrow.x >= 0 && narrow.x + narrow.width <= 375, JSON.stringify(narrow));
  assert.deepEqual(narrow.outer[0], narrow.outer[1], "nothing is hidden beside it");
  assert.ok(narrow.height > narrow.width, JSON.stringify(narrow));
  // Nothing lies over anything else, or outside.
  const nodes = await page.locator("svg.topology .node rect").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().toJSON()));
  assert.ok(nodes.length > 5, "few nodes");
  for (const [n, a] of nodes.entries()) {
    assert.ok(
      a.left >= narrow.x - 1 && a.right <= narrow.x + narrow.width + 1 && a.bottom <= narrow.y + narrow.height + 1,
      JSON.stringify(a),
    );
    for (const b of nodes.slice(n + 1))
      assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top, JSON.stringify([a, b]));
  }
  await page.locator(".diagram").screenshot({ path: join(shots, "topology-phone.png") });
  await page.setViewportSize({ width: 1000, height: 740 });
  await page.waitForFunction(() => document.querySelector("svg.topology").viewBox.baseVal.width === 764);
  clean(p);
  await p.context.close();
});

everywhere("a folder and a zip are dropped, the example is a click away", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  const dir = mkdtempSync(join(tmpdir(), "web-drop-"));
  cpSync(example, join(dir, "dropped"), { recursive: true });
  mkdirSync(join(dir, "dropped/.git"));
  writeFileSync(join(dir, "dropped/.git/config"), "[user]\n");
  mkdirSync(join(dir, "dropped/applications/bad"));
  writeFileSync(join(dir, "dropped/applications/bad/bad.yaml"), broken);
  await drop(p, [join(dir, "dropped")]);
  await page.locator("#source b", { hasText: "dropped" }).waitFor();
  // Dropped, it is checked at once; Git's own files are left out.
  await page.locator("#list .group", { hasText: "applications/bad/bad.yaml" }).waitFor();
  assert.match(
    await page.locator("#source").innerText(),
    new RegExp(`${Object.keys(tree(join(dir, "dropped"))).length} files, 4 applications`),
  );
  // A directory that is dropped can be written to.
  await page.getByRole("tab", { name: "Scaffold" }).click();
  await page.getByRole("button", { name: "Write to the directory" }).waitFor();
  await page.getByRole("tab", { name: "Lint" }).click();
  writeFileSync(join(dir, "packed.zip"), zip([["repo/applications/x/redis.yaml", broken]]));
  await drop(p, [join(dir, "packed.zip")]);
  await page.locator("#source b", { hasText: "repo" }).waitFor();
  await page.locator("#list .group", { hasText: "applications/x/redis.yaml" }).waitFor();
  writeFileSync(join(dir, "evil.zip"), zip([["../evil.yaml", broken]]));
  await drop(p, [join(dir, "evil.zip")]);
  await page.getByRole("dialog").filter({ hasText: "leaves the archive" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await drop(p, [join(dir, "packed.zip"), join(dir, "evil.zip")]);
  await page.getByRole("dialog").filter({ hasText: "drop one archive, or one directory" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  // What was open before is still open. The example is one click away.
  await page.locator("#source b", { hasText: "repo" }).waitFor();
  await page.getByRole("button", { name: "Example" }).click();
  await page.locator("#source b", { hasText: "Example repository" }).waitFor();
  clean(p);
  await p.context.close();
  rmSync(dir, { recursive: true });
});

it("100,000 files and one of 200 MB in a folder are refused or left out", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const dir = mkdtempSync(join(tmpdir(), "web-large-"));
  mkdirSync(join(dir, "large/applications/x"), { recursive: true });
  writeFileSync(join(dir, "large/applications/x/redis.yaml"), broken);
  const f = openSync(join(dir, "large/applications/x/dump.yaml"), "w");
  ftruncateSync(f, 200 << 20);
  closeSync(f);
  await drop(p, [join(dir, "large")]);
  await page.getByText("1 file skipped").click();
  await page.locator("#skipped li", { hasText: "applications/x/dump.yaml: larger than 4 MiB" }).waitFor();
  await page.locator("#list .group", { hasText: "applications/x/redis.yaml" }).waitFor();
  for (let i = 0; i < 100; i++) {
    mkdirSync(join(dir, "many", "d" + i), { recursive: true });
    // Links are made much faster than files. A file has 65,000 at most, or fewer.
    const first = join(dir, "many", "d" + i, "0.yaml");
    writeFileSync(first, "");
    for (let n = 1; n < 1000; n++) linkSync(first, join(dir, "many", "d" + i, n + ".yaml"));
  }
  await drop(p, [join(dir, "many")]);
  await page.getByRole("dialog").filter({ hasText: "more than 20,000 relevant files" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.locator("#source b", { hasText: "large" }).waitFor();
  clean(p);
  await p.context.close();
  rmSync(dir, { recursive: true });
});

it("findings are filtered by severity, rule and text; the chain from template to value is shown; exports are those of the command line", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const dir = mkdtempSync(join(tmpdir(), "web-filter-"));
  const repo = join(dir, "devops");
  cpSync(example, repo, { recursive: true });
  mkdirSync(join(repo, "applications/bad"));
  writeFileSync(join(repo, "applications/bad/bad.yaml"), broken);
  const values = join(repo, "applications/payments/values.yaml");
  writeFileSync(values, readFileSync(values, "utf8").replace(/sentinels: 3/, "sentinels: 2"));
  execFileSync("git", ["init", "-q"], { cwd: repo });
  await drop(p, [repo]);
  const options = page.locator("#list [role=option]");
  await options.first().waitFor();
  // The line of the template first, then the value that it takes.
  await page.getByPlaceholder("Search").fill("payments sentinel");
  await page.getByPlaceholder("Search").fill("payments");
  await options.filter({ hasText: "entinel" }).first().click();
  const chain = page.locator("#detail .chain li");
  await chain.nth(1).waitFor();
  const places = await chain.locator(".where code").allInnerTexts();
  assert.ok(
    places.some((f) => f.startsWith("applications/payments/templates/redis.yaml:")) &&
      places.some((f) => f.startsWith("applications/payments/values.yaml:")),
    places.join(" "),
  );
  assert.match((await chain.locator(".hit").allTextContents()).join(""), /sentinels: 2/);
  await page.getByPlaceholder("Search").fill("");
  const count = async (sev) => Number(await page.locator("#count-" + sev).innerText());
  const counts = { error: await count("error"), warning: await count("warning"), info: await count("info") };
  const total = () => page.locator("#list [role=option]").first().getAttribute("aria-setsize");
  assert.ok(counts.warning > 0 && counts.info > 0, JSON.stringify(counts));
  const before = Number(await total());
  await page.getByText("infos", { exact: true }).or(page.locator(".pill.info")).first().click();
  await page.waitForFunction((n) => Number(document.querySelector("#list [role=option]").getAttribute("aria-setsize")) < n, before);
  assert.equal(await page.locator("#list .item.info").count(), 0);
  await page.locator(".pill.info").click();
  const rule = await page.locator("#rule-filter option").nth(1).getAttribute("value");
  await page.getByLabel("Rule", { exact: true }).selectOption(rule);
  await options.first().click();
  await page.locator("#detail code", { hasText: rule }).waitFor();
  await page.getByLabel("Rule", { exact: true }).selectOption("");
  // What is exported is byte for byte what the command line prints.
  for (const [name, format] of [
    ["SARIF", "sarif"],
    ["JSON", "json"],
    ["Markdown", "markdown"],
  ]) {
    const out = await saved(page, () => page.getByRole("button", { name, exact: true }).click());
    const native = spawnSync(tool(), ["-C", repo, "lint", "--format", format], { encoding: "utf8", maxBuffer: 64 << 20 });
    assert.ok(native.status < 2, native.stderr);
    assert.equal(readFileSync(out.file, "utf8"), native.stdout, name);
    rmSync(out.dir, { recursive: true });
  }
  // What is pressed stays until it is released, whatever changes the list meanwhile.
  const pressed = await options.nth(1).getAttribute("id");
  await options.nth(1).hover();
  await page.mouse.down();
  await page.evaluate(() => document.getElementById("search").dispatchEvent(new Event("input")));
  await page.mouse.up();
  await page.locator(`#${pressed}[aria-selected="true"]`).waitFor();
  // Everything that is safe is fixed at once, after a look.
  await page.getByRole("button", { name: "Apply safe fixes" }).click();
  const ask = page.getByRole("dialog");
  await ask.locator(".diff .add").first().waitFor();
  await ask.getByRole("button", { name: "Apply and lint again" }).click();
  await page.locator("#fix-all[disabled]").waitFor();
  clean(p);
  await p.context.close();
  rmSync(dir, { recursive: true });
});

it("a thousand applications stay usable: progress, cancel, a list of which only the rows in view exist", async () => {
  const own = await launch(); // with the optimizing compiler, without which this takes several times as long
  const p = await open(own, server.url);
  const { page } = p;
  const dir = mkdtempSync(join(tmpdir(), "web-many-"));
  const entries = Array.from({ length: 1000 }, (_, i) => [
    [`repo/applications/app${i}/kustomization.yaml`, "resources: [redis.yaml]\n"],
    [`repo/applications/app${i}/redis.yaml`, broken.replace("name: bad", "name: app" + i)],
  ]).flat();
  writeFileSync(join(dir, "many.zip"), zip(entries));
  await page.getByRole("tab", { name: "Lint" }).click();
  await page.locator("#zip").setInputFiles(join(dir, "many.zip"));
  await page.locator("#status-text", { hasText: /^Linted \d+ of 1,000/ }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.evaluate(() => {
    globalThis.said = [];
    const summary = document.getElementById("summary");
    new MutationObserver(() =>
      globalThis.said.push(`${summary.textContent} ${document.querySelectorAll("#list [role=option]").length}`),
    ).observe(summary, { childList: true, characterData: true, subtree: true });
  });
  await page.getByRole("button", { name: "Lint again" }).click();
  await page.locator("#status-text", { hasText: /^Linted in/ }).waitFor({ timeout: 2.5 * slow }); // a minute of one core
  // What is found is shown while the rest is looked at.
  const said = await page.evaluate(() => globalThis.said);
  assert.ok(
    said.some((t) => /[1-9][\d,]* warnings.* so far/.test(t)),
    said.join("\n"),
  );
  const rows = await page.locator("#list .item").count();
  assert.ok(rows > 0 && rows < 80, `${rows} rows`);
  await page.getByRole("listbox", { name: "Findings" }).focus();
  await page.keyboard.press("End");
  await page.locator('#list [aria-selected="true"]').waitFor();
  await page.getByPlaceholder("Search").fill("app777");
  await page.locator("#list .group", { hasText: "applications/app777/" }).waitFor();
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.locator("#redis-count", { hasText: "1,000 instances" }).waitFor();
  assert.ok((await page.locator("#redises tr").count()) < 80);
  await page.getByRole("region", { name: "Every Redis" }).evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.getByRole("button", { name: "app999", exact: true }).click();
  await page.locator(".instance h3", { hasText: "app999" }).waitFor();
  await page.getByLabel("Search Redis instances").fill("app77");
  await page.locator("#redis-count", { hasText: "11 of 1,000" }).waitFor();
  await page.getByLabel("Search Redis instances").fill("");
  // From a number of findings to the findings.
  await page.getByRole("button", { name: "Memory" }).click();
  await page
    .getByRole("button", { name: /findings? of app/ })
    .first()
    .click();
  await page.locator("#list [role=option]").first().waitFor();
  clean(p);
  await own.close();
  rmSync(dir, { recursive: true });
});

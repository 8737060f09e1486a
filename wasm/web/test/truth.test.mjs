// What the page says is so: of the repository that is open, of what it does, and of what went wrong.
import assert from "node:assert/strict";
import { join } from "node:path";
import { zip } from "./archive.mjs";
import { open, shots } from "./browser.mjs";
import { browser, everywhere, it, server } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);
const archive = (entries) => ({ name: "repo.zip", mimeType: "application/zip", buffer: zip(entries) });
const broken = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: bad
spec:
  sentinel:
    replicas: 2
  redis:
    replicas: 1
`;
const redis = (app) => [
  [`repo/applications/${app}/kustomization.yaml`, "resources: [redis.yaml]\n"],
  [`repo/applications/${app}/redis.yaml`, broken.replace("name: bad", "name: " + app)],
];

everywhere("findings of another repository with the same name are gone when it is opened", async (mode) => {
  const p = await open(browser, server.url + "#lint", mode);
  const { page } = p;
  await page.locator("#zip").setInputFiles(archive(redis("first")));
  await page.locator("#list .group", { hasText: "applications/first/" }).waitFor();
  // What is on screen in the moment in which the next one is open.
  await page.evaluate(() => {
    globalThis.seen = [];
    new MutationObserver(() => globalThis.seen.push(document.getElementById("list").textContent)).observe(
      document.getElementById("summary"),
      { childList: true, characterData: true, subtree: true },
    );
  });
  await page.locator("#zip").setInputFiles(archive(redis("second")));
  await page.locator("#list .group", { hasText: "applications/second/" }).waitFor();
  const seen = await page.evaluate(() => globalThis.seen);
  assert.ok(seen.length > 1 && !seen.slice(0, -1).some((t) => t.includes("applications/first/")), JSON.stringify(seen));
  clean(p);
  await p.context.close();
});

everywhere("nothing to lint is no success, and a filter without a match leads back", async (mode) => {
  const p = await open(browser, server.url + "#lint", mode);
  const { page } = p;
  await page.locator("#zip").setInputFiles(
    archive([
      ["repo/README.md", "# x\n"],
      ["repo/index.ts", "export {};\n"],
    ]),
  );
  await page.locator("#nothing", { hasText: "No Kubernetes manifest found in 2 files" }).waitFor();
  assert.equal(await page.locator("#nothing .good").count(), 0);
  await page.locator("#zip").setInputFiles(archive(redis("bad")));
  await page.locator("#list [role=option]").first().waitFor();
  await page.getByPlaceholder("Search").fill("no such text");
  await page.locator("#nothing", { hasText: "No finding matches the filter" }).waitFor();
  assert.equal(await page.locator("#nothing .good").count(), 0);
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await page.locator("#list [role=option]").first().waitFor();
  clean(p);
  await p.context.close();
});

everywhere("names that not every system can have are left out with a note, and nothing has to be confirmed", async (mode) => {
  const p = await open(browser, server.url + "#lint", mode);
  const { page } = p;
  await page
    .locator("#zip")
    .setInputFiles(
      archive([
        ...redis("bad"),
        ["repo/docs/a:b.md", "x\n"],
        ["repo/shop\\values.yaml", "a: 1\n"],
        ["repo/.DS_Store", "\0\0"],
        ["repo/node_modules/x:y.js", "x\n"],
      ]),
    );
  await page.locator("#list .group", { hasText: "applications/bad/" }).waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.getByText("2 files skipped").click();
  const notes = await page.locator("#skipped li").allInnerTexts();
  assert.match(notes.join("\n"), /a:b\.md: its name contains ":"\n.*shop\\values\.yaml: its name contains "\\"; pack the archive/);
  clean(p);
  await p.context.close();
});

everywhere("the worst finding comes first, and is shown", async (mode) => {
  const p = await open(browser, server.url + "#lint", mode);
  const { page } = p;
  await page.locator("#zip").setInputFiles(
    archive([
      ["repo/applications/a/kustomization.yaml", "resources: [redis.yaml]\n"],
      ["repo/applications/a/redis.yaml", broken.replace("replicas: 2", "replicas: 3").replace("replicas: 1", "replicas: 3")],
      ["repo/applications/z/kustomization.yaml", "resources: [redis.yaml]\n"],
      ["repo/applications/z/redis.yaml", broken.replace("replicas: 1", "replicas: one")],
    ]),
  );
  await page.locator('#list [role=option][aria-selected="true"].error').waitFor();
  assert.equal(await page.locator("#list .item").nth(1).getAttribute("aria-selected"), "true");
  await page.locator("#detail-title").waitFor();
  const pill = async (name) => (await page.locator(".pill." + name).innerText()).trim();
  for (const name of ["error", "warning", "info"]) assert.match(await pill(name), new RegExp(`^(1 ${name}|(0|[2-9]|\\d\\d) ${name}s)$`));
  clean(p);
  await p.context.close();
});

everywhere(
  "the topology of a Redis without a Service for its master leads through the sentinels, of which one is one",
  async (mode, called) => {
    const p = await open(browser, server.url + "#explore", mode);
    const { page } = p;
    await page
      .locator("#zip")
      .setInputFiles(archive(redis("bad").map(([path, text]) => [path, text.replace("replicas: 2", "replicas: 1")])));
    await page.locator(".instance h3", { hasText: "bad" }).waitFor();
    const drawing = page.locator("svg.topology");
    assert.match(
      await drawing.getAttribute("aria-label"),
      /→ the sentinels \(rfs-bad\), which name the master → a master .*watched by 1 sentinel$/,
    );
    assert.doesNotMatch(await drawing.textContent(), /Service/);
    assert.match(await page.locator("#redises td").nth(2).innerText(), /1 sentinel$/);
    await page.screenshot({ path: join(shots, `sentinels-${called}.png`), fullPage: true });
    clean(p);
    await p.context.close();
  },
  { dark: true },
);

it("strict of a link holds", async () => {
  const p = await open(browser, server.url + "#scaffold?v=1&kind=resource&app=shop&suffix=jobs&profile=queue&strict=1");
  await p.page.locator("#checked h3", { hasText: /^Checks: / }).waitFor();
  assert.ok(await p.page.locator("#check-strict").isChecked());
  assert.match(p.page.url(), /strict=1/);
  clean(p);
  await p.context.close();
});

everywhere("while the program works, the status does not say Ready", async (mode) => {
  const p = await open(browser, server.url + "#explore", mode);
  const { page } = p;
  await page.getByRole("button", { name: "shop-cache", exact: true }).waitFor();
  const entries = Array.from({ length: 12 }, (_, i) => [
    [`repo/applications/a${i}/Chart.yaml`, `apiVersion: v2\nname: a${i}\nversion: 1.0.0\n`],
    [`repo/applications/a${i}/values.yaml`, "a: 1\n"],
    [
      `repo/applications/a${i}/templates/x.yaml`,
      '{{- define "x" }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}\na: {{ include "x" . }}\n',
    ],
  ]).flat();
  await page.locator("#zip").setInputFiles(archive(entries));
  await page.getByRole("button", { name: "Cancel" }).waitFor();
  assert.equal(await page.locator("#status").getAttribute("data-kind"), "busy");
  assert.doesNotMatch(await page.locator("#status-text").innerText(), /Ready|Linted in/);
  await page.getByRole("button", { name: "Cancel" }).click();
  // An archive that cannot be opened is history when its message is closed.
  await page.locator("#zip").setInputFiles({ name: "x.zip", mimeType: "application/zip", buffer: Buffer.from("no zip") });
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await page.locator('#status[data-kind="ok"]').waitFor();
  clean(p);
  await p.context.close();
});

everywhere("a program that does not load says why, and is loaded by Retry", async (mode) => {
  for (const missing of [/core\.json/, /core-\w+\.wasm/, /example\.json/]) {
    server.missing = missing;
    const p = await open(browser, server.url, { ...mode, ready: false, allowed: [/404/] });
    const { page } = p;
    try {
      const card = page.getByRole("alert").filter({ hasText: /Could not load the (program|example): the server answers 404/ });
      await card.waitFor();
      await page.locator('#status[data-kind="bad"]').waitFor();
      for (const view of ["Lint", "Explore", "Scaffold"]) {
        await page.getByRole("tab", { name: view }).click();
        assert.equal(await page.locator(`#${view.toLowerCase()}`).getByText("Loading…").count(), 0, view);
      }
      server.missing = undefined;
      await card.getByRole("button", { name: "Retry" }).click();
      await page.getByText("✓ Lint passed").waitFor();
      assert.equal(await page.locator("#failed").count(), 0);
      clean(p);
    } finally {
      server.missing = undefined;
      await p.context.close();
    }
  }
});

everywhere("a program that ends without a word is noticed, and is started again with everything that was kept", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.locator("#checked:not([aria-busy])").waitFor();
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByRole("heading", { name: "Changes in this tab (3 files)" }).waitFor();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await page.workers()[0].evaluate(() => globalThis.close());
  const card = page.getByRole("alert").filter({ hasText: "The program has stopped" });
  await card.getByRole("button", { name: "Start again" }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
  await page.getByRole("button", { name: /^Undo: generate resource shop redis/ }).click();
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-jobs.yaml" }).first().waitFor();
  await page.locator("#changes[hidden]").waitFor({ state: "attached" });
  clean(p);
  await p.context.close();
});

it("a program that does not answer is said to, and can be started again", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.locator("#checked:not([aria-busy])").waitFor();
  await page.workers()[0].evaluate(() => (globalThis.redisGitops = () => {}));
  await page.getByLabel("Suffix").fill("late");
  await page.locator("#status-text", { hasText: "The program has not answered" }).waitFor();
  await page.getByRole("button", { name: "Start again" }).click();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-late.yaml" }).first().waitFor();
  clean(p);
  await p.context.close();
});

everywhere("views are in the history, and addresses that are typed are followed", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.getByLabel("Suffix").fill("second");
  await page.getByRole("tab", { name: "Lint" }).click();
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.goBack();
  await page.locator("#lint:not([hidden])").waitFor();
  await page.goBack();
  await page.locator("#scaffold:not([hidden])").waitFor();
  assert.equal(await page.getByLabel("Suffix").inputValue(), "second");
  await page.goForward();
  await page.locator("#lint:not([hidden])").waitFor();
  await page.evaluate(() => (location.hash = "#explore"));
  await page.locator("#explore:not([hidden])").waitFor();
  assert.equal(await page.getByRole("tab", { name: "Explore" }).getAttribute("aria-selected"), "true");
  clean(p);
  await p.context.close();
});

everywhere(
  "a problem is said at its field, and the last plan stays in sight",
  async (mode) => {
    const p = await open(browser, server.url, mode);
    const { page } = p;
    await page.locator("#checked:not([aria-busy])").waitFor();
    const app = page.getByLabel("Application", { exact: true });
    await app.fill("Shop");
    const alert = page.getByRole("alert").filter({ hasText: "Cannot generate this" });
    await alert.getByRole("button", { name: "App" }).click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "app");
    assert.equal(await app.getAttribute("aria-invalid"), "true");
    const said = await app.evaluate((e) =>
      e
        .getAttribute("aria-describedby")
        .split(" ")
        .map((id) => document.getElementById(id).textContent)
        .join(" "),
    );
    assert.match(said, /uppercase "S" is not allowed/);
    await page.locator("#preview .last[inert] .path", { hasText: "redis-jobs.yaml" }).first().waitFor();
    await app.fill("shop");
    await page.locator("#preview > #checked:not([aria-busy])").waitFor();
    assert.equal(await page.locator("#app-error, .last").count(), 0);
    clean(p);
    await p.context.close();
    const q = await open(browser, server.url + "#scaffold?v=1&kind=resource&app=shop&suffix=x&profile=nosuch", mode);
    await q.page.locator("#profile-error", { hasText: 'unknown profile "nosuch"' }).waitFor();
    clean(q);
    await q.context.close();
  },
  { dark: true },
);

everywhere("a conflict shows what exists, in the words of the page", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.getByRole("textbox", { name: "Memory" }).fill("3Gi");
  await page.getByLabel("Suffix").fill("");
  const alert = page.getByRole("alert").filter({ hasText: "Conflicts with existing content" });
  await alert.locator(".diff .del").first().waitFor();
  await alert.locator(".diff .add", { hasText: "3Gi" }).first().waitFor();
  assert.doesNotMatch(await alert.innerText(), /--(force|keep)/);
  assert.equal(await page.getByRole("button", { name: "Keep in this tab" }).count(), 0);
  await alert.getByRole("button", { name: "Keep existing" }).click();
  await page.locator("pre", { hasText: "--keep" }).waitFor();
  clean(p);
  await p.context.close();
});

// flags gives what the page says with a flag of the command line in it. Commands are there to be copied.
const flags = (page) =>
  page.evaluate(() => {
    const said = [];
    for (const e of document.querySelectorAll(
      "#form .bad-text, #preview li, #preview .note, #preview p, dialog li, #status-text, .notices, #source .note",
    ))
      if (e.checkVisibility() && / --[a-z]/.test(" " + e.innerText)) said.push(e.innerText);
    return said;
  });

everywhere("what the page says has no flag of the command line in it", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  const said = async (text, field) => {
    await page.locator("#preview:not([aria-busy])").getByText(text).first().waitFor();
    assert.deepEqual(await flags(page), []);
    if (field) {
      assert.match(await page.locator(`#${field}-error`).innerText(), text);
      assert.equal(await page.locator("#" + field).getAttribute("aria-invalid"), "true");
    }
  };
  const password = page.getByLabel("Password", { exact: true });
  await password.selectOption("sealed");
  await said(/a sealed password requires the certificate/, "cert");
  await page.getByLabel("Certificate").fill("x");
  await said(/the certificate is not PEM-encoded/, "cert");
  await password.selectOption("external");
  await said(/a password of External Secrets requires a secret store/, "store");
  await page.getByLabel("Secret store").fill("Vault/x");
  await said(/unknown store kind "Vault"/, "store");
  await page.getByLabel("Secret store").fill("vault");
  await page.getByLabel("Key in the store").fill("#");
  await said(/invalid key "#" of a secret store/, "key");
  await password.selectOption("");
  await page.getByLabel("Suffix").fill("");
  await said(/already exists/);
  await page.getByText("A deployment", { exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("admin");
  await page.getByLabel("Host name").fill("shop.example.com");
  await said(/so a host name has no effect; remove it/, "hostname");
  await page.getByLabel("Host name").fill("");
  await page.getByLabel("Image").fill("shop/admin:1");
  await said(/image is kept, so shop\/admin:1 has no effect/);
  await page.getByText("An update", { exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("redis-none");
  await said(/has no generated resource "redis-none"/, "name");
  clean(p);
  await p.context.close();
});

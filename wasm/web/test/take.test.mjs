// What is taken from the page is what the command line makes: by patch, by zip and by the commands that it shows.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { example, open } from "./browser.mjs";
import { browser, everywhere, it, saved, server, tool, tree } from "./suite.mjs";

function copies(...names) {
  const dir = mkdtempSync(join(tmpdir(), "web-take-"));
  return [
    dir,
    ...names.map((n) => {
      cpSync(example, join(dir, n), { recursive: true });
      execFileSync("git", ["init", "-q"], { cwd: join(dir, n) });
      return join(dir, n);
    }),
  ];
}

const journeys = {
  "a cache with a suffix": async (page) => {
    await page.getByLabel("Application", { exact: true }).fill("payments");
    await page.getByText("Cache", { exact: true }).click();
    await page.getByLabel("Suffix").fill("pages");
    await page.getByRole("textbox", { name: "Memory" }).fill("1Gi");
    await page.getByLabel("Replicas", { exact: true }).fill("2");
    await page.getByLabel("Policy").first().selectOption("allkeys-lfu");
    await page.getByText("redis-pages.yaml").first().waitFor();
    return /--suffix pages --profile cache .*--set memory=1Gi/;
  },
  "a small store with an existing Secret": async (page) => {
    await page.getByText("Store", { exact: true }).click();
    await page.getByLabel("One small replica, for development").check();
    await page.getByLabel("Suffix").fill("sessions");
    await page.getByLabel("Password", { exact: true }).selectOption("existing");
    await page.getByLabel("Secret name").fill("shop-sessions-auth");
    await page.getByText("redis-sessions.yaml").first().waitFor();
    return /--auth existing:shop-sessions-auth/;
  },
  "a password of External Secrets": async (page) => {
    await page.getByLabel("Suffix").fill("mail");
    await page.getByLabel("Password", { exact: true }).selectOption("external");
    await page.getByLabel("Secret store").fill("vault");
    await page.getByText("redis-mail.yaml").first().waitFor();
    return /--auth external --store vault/;
  },
  "a new application with a Redis": async (page) => {
    await page.getByLabel("Suffix").fill("");
    await page.getByLabel("Application", { exact: true }).fill("blog");
    await page.getByText("applications/blog/Chart.yaml").waitFor();
    await page.getByText("applications/blog/templates/redis.yaml").waitFor();
    return /generate application blog\n.*generate resource blog redis/;
  },
  "an application with a kustomization": async (page) => {
    await page.getByText("An application", { exact: true }).click();
    await page.getByLabel("Application", { exact: true }).fill("wiki");
    await page.getByLabel("Create a kustomization instead of a chart").check();
    await page.getByText("applications/wiki/kustomization.yaml").waitFor();
    return /generate application wiki --kustomize/;
  },
  "a deployment": async (page) => {
    await page.getByText("A deployment", { exact: true }).click();
    await page.getByLabel("Type").selectOption("web");
    await page.getByLabel("Name", { exact: true }).fill("admin");
    await page.getByLabel("Image").fill("shop/admin:1.2.3");
    await page.getByText("deployment-admin.yaml").first().waitFor();
    return /generate deployment shop web --name admin --image shop\/admin:1.2.3/;
  },
};

for (const [name, fill] of Object.entries(journeys)) {
  everywhere(`taken along: ${name}`, async (mode) => {
    const p = await open(browser, server.url, mode);
    const { page } = p;
    const [dir, native, patched, unpacked] = copies("native", "patched", "unpacked");
    const want = await fill(page);
    const says = page.getByLabel("Commands");
    await page.waitForFunction(
      (source) => new RegExp(source, "s").test(document.querySelector('[aria-label="Commands"]')?.textContent),
      want.source,
    );
    await page.locator("#checked:not([aria-busy])").waitFor();
    const commands = await says.innerText();
    for (const line of commands.split("\n"))
      execFileSync("sh", ["-c", line], {
        cwd: native,
        env: { ...process.env, PATH: join(tool(), "..") + ":" + process.env.PATH },
        stdio: ["ignore", "ignore", "inherit"],
      });
    const made = tree(native);
    assert.notDeepEqual(made, tree(example));

    const patch = await saved(page, () => page.getByRole("button", { name: "Download patch" }).click());
    execFileSync("git", ["apply", "--whitespace=error-all", patch.file], { cwd: patched });
    assert.deepEqual(tree(patched), made);

    const zip = await saved(page, () => page.getByRole("button", { name: "Download zip" }).click());
    execFileSync("python3", [
      "-c",
      "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])",
      zip.file,
      unpacked,
    ]);
    assert.deepEqual(tree(unpacked), made);

    // A file is copied whole, and shown whole.
    const file = page
      .locator("details.file")
      .filter({ has: page.locator(".tag.create") })
      .first();
    if ((await file.getAttribute("open")) === null) await file.locator("summary").click();
    const path = await file.locator(".path").innerText();
    await file.getByRole("button", { name: "Copy file" }).click();
    await file.getByRole("button", { name: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), made[path]);
    assert.equal((await file.locator("pre").textContent()).replace(/\n$/, ""), made[path].replace(/\n$/, ""));
    assert.deepEqual(p.problems, []);
    await p.context.close();
    for (const d of [dir, patch.dir, zip.dir]) rmSync(d, { recursive: true });
  });
}

it("the URL, the entries of the environment and the whole of a changed file are shown and copied", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const copied = async (name) => {
    const card = page.locator(".card", { has: page.getByRole("heading", { name }) });
    await card.getByRole("button", { name: "Copy" }).click();
    await card.getByRole("button", { name: "Copied" }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.equal(await copied("Connection URL"), "redis://shop-jobs-redis-master.default.svc:6379");
  assert.match(
    await copied("Environment variables for clients"),
    /^- \{ name: REDIS_JOBS_URL, value: "redis:\/\/shop-jobs-redis-master\.default\.svc:6379" \}\n- \{ name: SENTINEL_JOBS_URL, value: "[^"]+" \}$/,
  );
  assert.equal(await copied("Command line"), "redis-gitops generate resource shop redis --suffix jobs --profile queue");
  const changed = page.locator("details.file", { hasText: "applications/shop/values.yaml" });
  // The first line that is added is the key, not one that the Redis before ends with too.
  assert.match(await changed.locator(".diff .add").first().innerText(), /^\+ +redisJobs:/);
  await changed.getByRole("button", { name: "Whole file" }).click();
  await changed.locator("pre:not(.diff)").waitFor();
  const old = readFileSync(join(example, "applications/shop/values.yaml"), "utf8");
  assert.equal((await changed.locator("pre").textContent()).split("\n")[0], old.split("\n")[0]);
  // It stays so while the form changes.
  await page.getByRole("textbox", { name: "Memory" }).fill("2Gi");
  await changed.locator("pre:not(.diff)", { hasText: "memory: 2Gi" }).waitFor();
  await changed.getByRole("button", { name: "Diff" }).click();
  await changed.locator(".diff .add", { hasText: "2Gi" }).waitFor();
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

everywhere("the link fills the form of a colleague, and has no secret in it", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.getByLabel("Suffix").fill("mail");
  await page.getByText("Cache", { exact: true }).click();
  await page.getByLabel("Disk").fill("4Gi");
  await page.getByLabel("Password", { exact: true }).selectOption("sealed");
  await page.getByLabel("Certificate").fill("-----BEGIN CERTIFICATE-----\nMIIBverysecret\n-----END CERTIFICATE-----\n");
  await page.getByLabel("Secret name").fill("mail-auth");
  await page.getByRole("alert").waitFor(); // it is no certificate
  await page.getByLabel("Certificate").fill("");
  await page.getByLabel("Password", { exact: true }).selectOption("existing");
  await page.getByLabel("Secret name").fill("mail-auth");
  await page.locator("#checked:not([aria-busy])").waitFor();
  await page.getByRole("button", { name: "Copy link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.doesNotMatch(decodeURIComponent(link), /CERTIFICATE|verysecret/);
  const q = await open(browser, link, mode);
  await q.page.getByText("redis-mail.yaml").first().waitFor();
  assert.equal(await q.page.getByLabel("Suffix").inputValue(), "mail");
  assert.equal(await q.page.getByLabel("Disk").inputValue(), "4Gi");
  assert.equal(await q.page.getByLabel("Password", { exact: true }).inputValue(), "existing");
  assert.equal(await q.page.getByLabel("Secret name").inputValue(), "mail-auth");
  assert.ok(await q.page.getByRole("radio", { name: /^Cache/ }).isChecked());
  assert.deepEqual([...p.problems, ...q.problems], []);
  await p.context.close();
  await q.context.close();
});

it("the form says what a value may be, and strict asks for more", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByText("✓ Lint passed").waitFor();
  await page.getByText("Operator: Spotahome").waitFor();
  await page.getByText("At least 1.").waitFor();
  await page.getByLabel("Replicas", { exact: true }).fill("0");
  await page.getByRole("alert").filter({ hasText: "replicas" }).waitFor();
  await page.getByLabel("Replicas", { exact: true }).fill("");
  await page.getByLabel("Sentinels").selectOption("5");
  await page.locator(".diff .add", { hasText: "sentinels: 5" }).waitFor();
  await page.locator("#checked").getByLabel("Strict").check();
  await page.locator("#checked h3", { hasText: /^Checks: \d+ error/ }).waitFor();
  const finding = page.locator("#checked .finding").first();
  await finding.locator("summary").click();
  await finding.locator("p", { hasText: /applications\/.*:\d+/ }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.closest("#checked") !== null), true);
  await page.locator("#checked").getByLabel("Strict").uncheck();
  await page.getByText("✓ Lint passed").waitFor();
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("a field that is wrong is marked, and the message leads to it", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByRole("textbox", { name: "Memory" }).fill("1GB");
  await page.getByRole("alert").getByRole("button", { name: "Memory" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "value-memory");
  assert.equal(await page.getByRole("textbox", { name: "Memory" }).getAttribute("aria-invalid"), "true");
  await page.getByRole("textbox", { name: "Memory" }).fill("1Gi");
  await page.locator(".diff .add", { hasText: "memory: 1Gi" }).waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Memory" }).getAttribute("aria-invalid"), null);
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("a password is sealed in the tab, with a certificate that stays in it", async () => {
  const dir = mkdtempSync(join(tmpdir(), "web-sealed-"));
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=sealed-secrets",
      "-keyout",
      join(dir, "key.pem"),
      "-out",
      join(dir, "cert.pem"),
    ],
    { stdio: "ignore" },
  );
  const p = await open(browser, server.url);
  const { page } = p;
  await page.getByLabel("Suffix").fill("mail");
  await page.getByLabel("Password", { exact: true }).selectOption("sealed");
  await page.getByLabel("Certificate").fill(readFileSync(join(dir, "cert.pem"), "utf8"));
  const file = page.locator("details.file", { has: page.locator(".path", { hasText: /sealed|auth/ }) }).first();
  await file.locator("summary").click();
  await file.locator("pre", { hasText: "kind: SealedSecret" }).waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  assert.match(await page.getByLabel("Commands").innerText(), /--auth sealed.* --cert sealed-secrets\.pem/);
  await page.getByRole("button", { name: "Copy link" }).click();
  assert.doesNotMatch(decodeURIComponent(await page.evaluate(() => navigator.clipboard.readText())), /CERTIFICATE|MII/);
  assert.deepEqual(p.problems, []);
  await p.context.close();
  rmSync(dir, { recursive: true });
});

everywhere("a finding about the plan leads to the field that makes it go away", async (mode) => {
  const link = "#scaffold?v=1&kind=resource&app=shop&suffix=jobs&profile=queue&set.networkPolicy=&strict=1";
  const p = await open(browser, server.url + link, mode);
  const { page } = p;
  await page.locator("#checked h3", { hasText: /^Checks: / }).waitFor();
  // The worst first.
  const kinds = await page.locator("#checked .finding").evaluateAll((all) => all.map((e) => e.className.replace("finding ", "")));
  const ranks = ["error", "warning", "info"];
  assert.deepEqual(
    kinds,
    kinds.toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b)),
  );
  const finding = page.locator("#checked .finding", { hasText: "auth/missing" });
  await finding.locator("summary").click();
  await finding.getByRole("button", { name: "Change Password" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "auth");
  const policy = page.locator("#checked .finding", { hasText: "sec/network-policy" });
  await policy.locator("summary").click();
  await policy.getByRole("button", { name: "Change Network policy" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "value-networkPolicy");
  assert.ok(await page.getByLabel("Network policy").isVisible());
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

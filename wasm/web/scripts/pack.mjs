// Puts the Go program beside the built page, packed, under names that change with its content; and gives the service worker
// its version. Usage: node pack.mjs CORE.WASM WASM_EXEC.JS [QUALITY]
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants as c, gzipSync } from "node:zlib";

const [, , core, exec, quality = "11"] = process.argv;
const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(web, "dist");
const wasm = readFileSync(core);
const hash = createHash("sha256").update(wasm).update(quality).digest("hex").slice(0, 12);
// Packing takes a minute; the same program is packed once.
const packed = (name, pack) => {
  const kept = `${core}.${hash}.${name}`;
  if (!existsSync(kept)) {
    writeFileSync(kept + ".part", pack());
    renameSync(kept + ".part", kept);
  }
  const file = `core-${hash}.wasm.${name}`;
  copyFileSync(kept, join(dist, file));
  return file;
};
const br = packed("br", () => brotliCompressSync(wasm, { params: { [c.BROTLI_PARAM_QUALITY]: Number(quality), [c.BROTLI_PARAM_LGWIN]: 24, [c.BROTLI_PARAM_SIZE_HINT]: wasm.length } }));
const gz = packed("gz", () => gzipSync(wasm, { level: 9 }));
writeFileSync(join(dist, "core.json"), JSON.stringify({ br, gz, size: wasm.length }) + "\n");
copyFileSync(exec, join(dist, "wasm_exec.js"));
const version = createHash("sha256").update(hash);
for (const f of readdirSync(join(dist, "assets")).sort()) version.update(f);
for (const f of ["index.html", "example.json", "wasm_exec.js"]) version.update(readFileSync(join(dist, f)));
const sw = join(dist, "sw.js");
writeFileSync(sw, readFileSync(sw, "utf8").replaceAll("VERSION", version.digest("hex").slice(0, 12)));

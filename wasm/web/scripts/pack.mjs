// Puts the Go programs beside the built page, packed, under names that change with their content; and gives the service worker
// its version. Usage: node pack.mjs FOLDER WASM_EXEC.JS [QUALITY]
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants as c, gzipSync } from "node:zlib";

const [, , folder, exec, quality = "11"] = process.argv;
const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(web, "dist");

// pack gives the names of a program's packed files, and how large it is.
function pack(name) {
  const program = join(folder, name + ".wasm");
  const wasm = readFileSync(program);
  const hash = createHash("sha256").update(wasm).update(quality).digest("hex").slice(0, 12);
  // Packing takes a minute; the same program is packed once.
  const packed = (ending, compress) => {
    const kept = `${program}.${hash}.${ending}`;
    if (!existsSync(kept)) {
      writeFileSync(kept + ".part", compress());
      renameSync(kept + ".part", kept);
    }
    const file = `${name}-${hash}.wasm.${ending}`;
    copyFileSync(kept, join(dist, file));
    return file;
  };
  return {
    br: packed("br", () =>
      brotliCompressSync(wasm, {
        params: { [c.BROTLI_PARAM_QUALITY]: Number(quality), [c.BROTLI_PARAM_LGWIN]: 24, [c.BROTLI_PARAM_SIZE_HINT]: wasm.length },
      }),
    ),
    gz: packed("gz", () => gzipSync(wasm, { level: 9 })),
    size: wasm.length,
  };
}

const programs = JSON.stringify({ quality: Number(quality), core: pack("core"), full: pack("full") }) + "\n";
writeFileSync(join(dist, "core.json"), programs);
copyFileSync(exec, join(dist, "wasm_exec.js"));
const version = createHash("sha256").update(programs);
for (const f of readdirSync(join(dist, "assets")).sort()) version.update(f);
for (const f of ["index.html", "example.json", "broken.json", "wasm_exec.js"]) version.update(readFileSync(join(dist, f)));
const sw = join(dist, "sw.js");
writeFileSync(sw, readFileSync(sw, "utf8").replaceAll("VERSION", version.digest("hex").slice(0, 12)));

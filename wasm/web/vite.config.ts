import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { defineConfig, type Plugin } from "vite";

const example = join(import.meta.dirname, "..", "..", "examples", "devops-repo");

// The example repository, as one file that the page fetches when somebody wants it.
function exampleRepository(): Plugin {
  const walk = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)]));
  return {
    name: "example-repository",
    generateBundle() {
      const files = walk(example)
        .sort()
        .map((f) => ({ path: relative(example, f).replaceAll("\\", "/"), text: readFileSync(f, "utf8") }));
      this.emitFile({ type: "asset", fileName: "example.json", source: JSON.stringify(files) });
    },
  };
}

// The service worker knows every file of the page by name, so that the second visit needs no network.
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    enforce: "post",
    generateBundle(_, bundle) {
      const own = Object.keys(bundle)
        .filter((name) => name !== "sw.js")
        .sort();
      const list = ["./", ...own.filter((n) => n !== "index.html"), "wasm_exec.js", "core.json", "icon.svg"];
      const source = readFileSync(join(import.meta.dirname, "src", "sw.js"), "utf8").replace("[/* files */]", JSON.stringify(list));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  worker: { format: "iife" },
  plugins: [exampleRepository(), serviceWorker()],
});

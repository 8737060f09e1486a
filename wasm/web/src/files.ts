// Takes a repository in: dropped, chosen, unpacked, or from the local server.
import { limits, readZip } from "./zip";
import type { RepoFile } from "./types";

export interface Taken {
  name: string;
  files: RepoFile[];
  skipped: string[];
  folder?: FileSystemDirectoryHandle; // that changes can be written to
}

const left = /(^|\/)(\.git|node_modules|\.terraform|vendor\/bundle|__MACOSX)\//;
const pictures = /\.(png|jpe?g|gif|webp|ico|woff2?|ttf|pdf|zip|gz|xz|zst|jar|exe|so|dylib|mp4|mov|rdb|wasm|sqlite3?)$/i;

// wanted says whether a file can be of any use.
export const wanted = (path: string) => !left.test("/" + path) && !pictures.test(path);

class Collector {
  files: RepoFile[] = [];
  skipped: string[] = [];
  seen = 0;
  total = 0;

  constructor(private tell: (text: string) => void) {}

  skip = (path: string, why: string) => {
    if (this.skipped.length < 100) this.skipped.push(`${path}: ${why}`);
  };

  // want is asked before a file is read.
  want(path: string, size: number): boolean {
    if (++this.seen > limits.entries) throw new Error(`more than ${limits.entries.toLocaleString("en")} files; open the repository's own folder, or a part of it`);
    if (this.seen % 500 === 0) this.tell(`${this.seen.toLocaleString("en")} files seen`);
    if (!wanted(path)) return false;
    if (size > limits.file) {
      this.skip(path, `larger than ${limits.file >> 20} MiB`);
      return false;
    }
    if (this.files.length >= limits.files) throw new Error(`more than ${limits.files.toLocaleString("en")} files that could matter; open a part of the repository`);
    if ((this.total += size) > limits.total) throw new Error(`the files are more than ${limits.total >> 20} MiB; open a part of the repository`);
    return true;
  }

  put(path: string, data: Uint8Array) {
    if (data.includes(0)) return this.skip(path, "no text");
    try {
      this.files.push({ path, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) });
    } catch {
      let binary = "";
      for (const b of data) binary += String.fromCharCode(b);
      this.files.push({ path, base64: btoa(binary) });
    }
  }
}

// root takes the one folder away that everything is in.
function root(files: RepoFile[]): string {
  const first = files[0]?.path.split("/")[0];
  const dotted = files.some((f) => !f.path.includes("/"));
  if (!first || dotted || !files.every((f) => f.path.startsWith(first + "/"))) return "";
  if (["applications", "platform", "generators", "charts", "templates"].includes(first)) return "";
  for (const f of files) f.path = f.path.slice(first.length + 1);
  return first;
}

export async function fromZip(file: File, tell: (t: string) => void): Promise<Taken> {
  const c = new Collector(tell);
  for (const e of await readZip(file, wanted, c.skip)) if (c.want(e.path, e.data.length)) c.put(e.path, e.data);
  const name = root(c.files);
  return { name: name || file.name, files: c.files, skipped: c.skipped };
}

export async function fromInput(list: FileList, tell: (t: string) => void): Promise<Taken> {
  const c = new Collector(tell);
  for (const f of list) {
    const path = f.webkitRelativePath || f.name;
    if (c.want(path, f.size)) c.put(path, new Uint8Array(await f.arrayBuffer()));
  }
  return { name: root(c.files) || "your files", files: c.files, skipped: c.skipped };
}

export async function fromDrop(data: DataTransfer, tell: (t: string) => void): Promise<Taken> {
  const entries = [...data.items].map((i) => i.webkitGetAsEntry()).filter((e) => e !== null);
  const only = data.files[0];
  if (entries.length === 1 && entries[0]!.isFile && only && /\.zip$/i.test(only.name)) return fromZip(only, tell);
  const c = new Collector(tell);
  const visit = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (entry.isDirectory) {
      if (!wanted(path + "/x")) return;
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        const some = await new Promise<FileSystemEntry[]>((ok, no) => reader.readEntries(ok, no));
        if (some.length === 0) return;
        for (const e of some) await visit(e, path + "/" + e.name);
      }
    }
    const f = await new Promise<File>((ok, no) => (entry as FileSystemFileEntry).file(ok, no));
    if (c.want(path, f.size)) c.put(path, new Uint8Array(await f.arrayBuffer()));
  };
  for (const e of entries) await visit(e, e.name);
  return { name: root(c.files) || "your files", files: c.files, skipped: c.skipped };
}

type Picker = (o: { mode: "read" | "readwrite" }) => Promise<FileSystemDirectoryHandle>;
export const picker = (window as unknown as { showDirectoryPicker?: Picker }).showDirectoryPicker;

export async function fromPicker(tell: (t: string) => void): Promise<Taken> {
  const folder = await picker!.call(window, { mode: "read" });
  const c = new Collector(tell);
  const visit = async (dir: FileSystemDirectoryHandle, path: string): Promise<void> => {
    for await (const e of (dir as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
      const at = path + e.name;
      if (e.kind === "directory") {
        if (wanted(at + "/x")) await visit(e as FileSystemDirectoryHandle, at + "/");
        continue;
      }
      const f = await (e as FileSystemFileHandle).getFile();
      if (c.want(at, f.size)) c.put(at, new Uint8Array(await f.arrayBuffer()));
    }
  };
  await visit(folder, "");
  return { name: folder.name, files: c.files, skipped: c.skipped, folder };
}

// write puts changes into a folder on disk. A file that is not what the page has read is left alone.
export async function write(folder: FileSystemDirectoryHandle, changes: { path: string; action: string; old: string; new: string }[]): Promise<void> {
  const asking = folder as unknown as { requestPermission?(o: { mode: string }): Promise<string> };
  if (asking.requestPermission && (await asking.requestPermission({ mode: "readwrite" })) !== "granted") throw new Error("the browser was not allowed to write");
  const parent = async (path: string, create: boolean) => {
    let dir = folder;
    for (const part of path.split("/").slice(0, -1)) dir = await dir.getDirectoryHandle(part, { create });
    return dir;
  };
  const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  for (const c of changes) {
    const now = await (async () => {
      try {
        return await (await (await (await parent(c.path, false)).getFileHandle(base(c.path))).getFile()).text();
      } catch {
        return undefined;
      }
    })();
    if (now !== (c.action === "create" ? undefined : c.old)) throw new Error(`${c.path} has changed on disk meanwhile; open the folder again. Nothing was written`);
  }
  for (const c of changes) {
    const dir = await parent(c.path, true);
    if (c.action === "remove") {
      await dir.removeEntry(base(c.path));
      continue;
    }
    const w = await (await dir.getFileHandle(base(c.path), { create: true })).createWritable();
    await w.write(c.new);
    await w.close();
  }
}

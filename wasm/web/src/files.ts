// Takes a repository in: dropped, chosen, unpacked, or from the local server.

import type { RepoFile } from "./types";
import { breather, limits, readZip } from "./zip";

export interface Taken {
  name: string;
  files: RepoFile[];
  skipped: string[];
  folder?: FileSystemDirectoryHandle; // that changes can be written to
}

const left = /(^|\/)(\.git|node_modules|\.terraform|vendor\/bundle|__MACOSX)\//;
const pictures = /\.(png|jpe?g|gif|webp|ico|woff2?|ttf|pdf|zip|gz|xz|zst|jar|exe|so|dylib|mp4|mov|rdb|wasm|sqlite3?)$/i;

const desktop = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

// wanted says whether a file can be of any use.
export const wanted = (path: string) => !left.test("/" + path) && !pictures.test(path) && !desktop.test(path);

// together is how many files are asked for at once: each one alone would wait for the disk.
const together = 64;

class Collector {
  files: RepoFile[] = [];
  skipped: string[] = [];
  private seen = 0;
  private wanted = 0;
  private total = 0;
  private found: { path: string; file: () => Promise<File> }[] = [];

  constructor(private tell: (text: string) => void) {}

  skip = (path: string, why: string) => {
    if (this.skipped.length < 100) this.skipped.push(`${path}: ${why}`);
  };

  // named counts a file, and says whether it can be of use.
  named(path: string): boolean {
    if (++this.seen > limits.entries)
      throw new Error(`more than ${limits.entries.toLocaleString("en")} files; open the directory of the repository, or a part of it`);
    if (this.seen % 500 === 0) this.tell(`${this.seen.toLocaleString("en")} files scanned`);
    if (!wanted(path)) return false;
    if (++this.wanted > limits.files)
      throw new Error(`more than ${limits.files.toLocaleString("en")} relevant files; open a part of the repository`);
    return true;
  }

  // sized is asked before a file is read.
  sized(path: string, size: number): boolean {
    if (size > limits.file) {
      this.skip(path, `larger than ${limits.file >> 20} MiB`);
      return false;
    }
    this.total += size;
    if (this.total > limits.total) throw new Error(`the files are larger than ${limits.total >> 20} MiB; open a part of the repository`);
    return true;
  }

  // add notes a file, which is looked at once it is clear that there are not too many.
  add(path: string, file: () => Promise<File>) {
    if (this.named(path)) this.found.push({ path, file });
  }

  async read() {
    for (let i = 0; i < this.found.length; i += together) {
      const some = await Promise.all(this.found.slice(i, i + together).map(async ({ path, file }) => ({ path, file: await file() })));
      const small = some.filter(({ path, file }) => this.sized(path, file.size));
      const data = await Promise.all(small.map(({ file }) => file.arrayBuffer()));
      for (const [n, { path }] of small.entries()) this.put(path, new Uint8Array(data[n]!));
      this.tell(
        `${Math.min(i + together, this.found.length).toLocaleString("en")} of ${this.found.length.toLocaleString("en")} files read`,
      );
    }
  }

  put(path: string, data: Uint8Array) {
    if (data.includes(0)) return this.skip(path, "not a text file");
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
  const breathe = breather();
  for (const e of await readZip(file, wanted, c.skip, tell)) {
    if (c.named(e.path) && c.sized(e.path, e.data.length)) c.put(e.path, e.data);
    await breathe();
  }
  const name = root(c.files);
  return { name: name || file.name, files: c.files, skipped: c.skipped };
}

export async function fromInput(list: FileList, tell: (t: string) => void): Promise<Taken> {
  const c = new Collector(tell);
  for (const f of list) c.add(f.webkitRelativePath || f.name, async () => f);
  await c.read();
  return { name: root(c.files) || "your files", files: c.files, skipped: c.skipped };
}

type Handles = { getAsFileSystemHandle?(): Promise<FileSystemHandle | null> };

export async function fromDrop(data: DataTransfer, tell: (t: string) => void): Promise<Taken> {
  // Both must be asked for before anything is waited for.
  const entries = [...data.items].map((i) => i.webkitGetAsEntry()).filter((e) => e !== null);
  const handle = entries.length === 1 ? (data.items[0] as unknown as Handles).getAsFileSystemHandle?.() : undefined;
  const zips = [...data.files].filter((f) => /\.zip$/i.test(f.name));
  if (entries.length === 1 && entries[0]!.isFile && zips[0]) return fromZip(zips[0], tell);
  if (zips.length > 0) throw new Error("an archive was dropped together with other files; drop one archive, or one directory");
  // A directory that the browser hands out this way can be written to later.
  const folder = await handle?.catch(() => null);
  if (folder?.kind === "directory") return fromFolder(folder as FileSystemDirectoryHandle, tell);
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
    c.add(path, () => new Promise<File>((ok, no) => (entry as FileSystemFileEntry).file(ok, no)));
  };
  for (const e of entries) await visit(e, e.name);
  await c.read();
  return { name: root(c.files) || "your files", files: c.files, skipped: c.skipped };
}

type Picker = (o: { mode: "read" | "readwrite" }) => Promise<FileSystemDirectoryHandle>;
export const picker = (window as unknown as { showDirectoryPicker?: Picker }).showDirectoryPicker;

// pick asks for a folder that changes can be written to.
export const pick = () => picker!.call(window, { mode: "readwrite" });

export const fromPicker = async (tell: (t: string) => void) => fromFolder(await picker!.call(window, { mode: "read" }), tell);

export async function fromFolder(folder: FileSystemDirectoryHandle, tell: (t: string) => void): Promise<Taken> {
  const c = new Collector(tell);
  const visit = async (dir: FileSystemDirectoryHandle, path: string): Promise<void> => {
    for await (const e of (dir as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
      const at = path + e.name;
      if (e.kind === "file") c.add(at, () => (e as FileSystemFileHandle).getFile());
      else if (wanted(at + "/x")) await visit(e as FileSystemDirectoryHandle, at + "/");
    }
  };
  await visit(folder, "");
  await c.read();
  return { name: folder.name, files: c.files, skipped: c.skipped, folder };
}

// write puts changes into a folder on disk, and returns the directories that it made for them, parents first. A file that is not what
// the page knows is left alone, and then all others are too.
export async function write(
  folder: FileSystemDirectoryHandle,
  changes: { path: string; action: string; old: string; new: string }[],
  remedy = "reopen the directory",
): Promise<string[]> {
  const asking = folder as unknown as { requestPermission?(o: { mode: string }): Promise<string> };
  if (asking.requestPermission && (await asking.requestPermission({ mode: "readwrite" })) !== "granted")
    throw new Error("write permission was denied in the browser");
  const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const made: string[] = [];
  const parent = async (path: string, create = false) => {
    let dir = folder;
    const parts = path.split("/").slice(0, -1);
    for (const [n, part] of parts.entries()) {
      const there = await dir.getDirectoryHandle(part).catch((e: DOMException) => {
        if (!create || e.name !== "NotFoundError") throw e;
        made.push(parts.slice(0, n + 1).join("/"));
        return undefined;
      });
      dir = there ?? (await dir.getDirectoryHandle(part, { create }));
    }
    return dir;
  };
  for (const c of changes) {
    const now = await (async () => {
      try {
        const file = await (await (await parent(c.path)).getFileHandle(base(c.path))).getFile();
        return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await file.arrayBuffer());
      } catch {
        return undefined;
      }
    })();
    if (now !== (c.action === "create" ? undefined : c.old)) throw new Error(`${c.path} was changed by another program; ${remedy}`);
  }
  // What is written stands beside a file until it is closed: a full disk is met before anything has changed.
  const open: FileSystemWritableFileStream[] = [];
  const created: string[] = [];
  try {
    for (const c of changes.filter((c) => c.action !== "remove")) {
      const dir = await parent(c.path, true);
      if (c.action === "create") created.push(c.path);
      const w = await (await dir.getFileHandle(base(c.path), { create: true })).createWritable();
      open.push(w);
      await w.write(c.new);
    }
  } catch (e) {
    for (const w of open) await w.abort().catch(() => {});
    await clear(folder, [...made, ...created]);
    throw e;
  }
  for (const w of open) await w.close();
  for (const c of changes.filter((c) => c.action === "remove")) await (await parent(c.path)).removeEntry(base(c.path));
  return made;
}

// clear removes files and empty directories that are given after their parents; one with something else in it stays.
export async function clear(folder: FileSystemDirectoryHandle, paths: string[]) {
  for (const path of [...paths].reverse()) {
    const parts = path.split("/");
    try {
      let dir = folder;
      for (const part of parts.slice(0, -1)) dir = await dir.getDirectoryHandle(part);
      await dir.removeEntry(parts.at(-1)!);
    } catch {
      // it is not empty, or gone already
    }
  }
}

// Reads and writes zip archives. What is read comes from strangers: every number is checked before it is used.

export interface Entry {
  path: string;
  data: Uint8Array;
}

export const limits = { files: 20_000, entries: 200_000, file: 4 << 20, total: 64 << 20, ratio: 100, archive: 256 << 20 };

// breather gives a function that lets the page answer its user whenever work has gone on for 30 ms.
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < 30) return;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  };
}

export async function readZip(
  file: Blob,
  wanted: (path: string) => boolean,
  skipped: (path: string, why: string) => void,
  tell: (text: string) => void = () => {},
): Promise<Entry[]> {
  if (file.size > limits.archive) throw new Error(`the archive is larger than ${limits.archive >> 20} MiB; open a part of the repository`);
  const tail = new DataView(await file.slice(Math.max(0, file.size - 65_557)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("not a zip archive");
  const count = tail.getUint16(end + 10, true);
  const size = tail.getUint32(end + 12, true);
  const offset = tail.getUint32(end + 16, true);
  if (count === 0xffff || offset === 0xffffffff)
    throw new Error("the archive uses Zip64 and contains too many files; open a part of the repository");
  if (offset + size > file.size) throw new Error("the archive is damaged: the central directory is missing");
  const directory = new DataView(await file.slice(offset, offset + size).arrayBuffer());
  const found: { path: string; local: number; packed: number; plain: number; method: number }[] = [];
  let total = 0;
  for (let i = 0, at = 0; i < count; i++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== 0x02014b50)
      throw new Error("the archive is damaged: the central directory is truncated");
    const flags = directory.getUint16(at + 8, true);
    const method = directory.getUint16(at + 10, true);
    const packed = directory.getUint32(at + 20, true);
    const plain = directory.getUint32(at + 24, true);
    const nameLength = directory.getUint16(at + 28, true);
    const next = at + 46 + nameLength + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
    const mode = directory.getUint32(at + 38, true) >>> 16;
    const local = directory.getUint32(at + 42, true);
    if (next > directory.byteLength) throw new Error("the archive is damaged: the central directory is truncated");
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, nameLength));
    at = next;
    if (path.endsWith("/")) continue;
    const unsupported = oddPath(path);
    if (unsupported) {
      if (wanted(path.replaceAll("\\", "/"))) skipped(path, unsupported);
      continue;
    }
    const bad = badPath(path);
    if (bad) throw new Error(`the path ${JSON.stringify(path)} in the archive ${bad}; nothing was opened`);
    if ((mode & 0o170000) === 0o120000) {
      skipped(path, "a link");
      continue;
    }
    if (!wanted(path)) continue;
    if (flags & 1) throw new Error(`${path} is encrypted`);
    if (plain > limits.file) {
      skipped(path, `larger than ${limits.file >> 20} MiB`);
      continue;
    }
    if (plain > limits.ratio * Math.max(packed, 1) && plain > 10_000)
      throw new Error(`${path} grows ${Math.round(plain / Math.max(packed, 1))} times when decompressed; this is not a repository`);
    total += plain;
    if (total > limits.total)
      throw new Error(`unpacked, the files are larger than ${limits.total >> 20} MiB; open a part of the repository`);
    if (found.length >= limits.files)
      throw new Error(`more than ${limits.files.toLocaleString("en")} files; open a part of the repository`);
    found.push({ path, local, packed, plain, method });
  }
  // Only now, when all that the directory says is within the limits, files are read. A small archive is read at once, since each
  // slice of a file is a question to the browser.
  const whole = file.size <= limits.total ? new Uint8Array(await file.arrayBuffer()) : undefined;
  const part = async (from: number, to: number) => whole?.subarray(from, to) ?? new Uint8Array(await file.slice(from, to).arrayBuffer());
  const read = async ({ path, local, packed, plain, method }: (typeof found)[0]): Promise<Entry> => {
    const bytes = await part(local, local + 30);
    const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50)
      throw new Error("the archive is damaged: the central directory has a wrong offset");
    const start = local + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    return { path, data: await inflate(await part(start, start + packed), method, plain, path) };
  };
  const out: Entry[] = [];
  const breathe = breather();
  for (let i = 0; i < found.length; i += 32) {
    out.push(...(await Promise.all(found.slice(i, i + 32).map(read))));
    await breathe(); // unpacking from memory never waits by itself
    tell(`${out.length.toLocaleString("en")} of ${found.length.toLocaleString("en")} files decompressed`);
  }
  return out;
}

async function inflate(packed: Uint8Array<ArrayBuffer>, method: number, plain: number, path: string): Promise<Uint8Array> {
  if (method === 0) {
    if (packed.length !== plain) throw new Error(`${path} is damaged`);
    return packed;
  }
  if (method !== 8) throw new Error(`${path} uses an unsupported compression method`);
  const out = new Uint8Array(plain);
  let at = 0;
  const reader = new Response(packed).body!.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > plain) {
      void reader.cancel();
      throw new Error(`${path} is larger than the archive says`);
    }
    out.set(value, at);
    at += value.length;
  }
  if (at !== plain) throw new Error(`${path} is damaged`);
  return out;
}

// oddPath says why a file is left out of an archive that is fine otherwise, or "": names that not every system can have. What they would
// lead to is never looked at.
function oddPath(path: string): string {
  if (path.includes("\\")) return 'its name contains "\\"; pack the archive with a tool that writes "/"';
  if (path.includes(":") && !/^[a-z]:/i.test(path)) return 'its name contains ":"';
  return "";
}

// badPath says what is wrong with a path, or "".
export function badPath(path: string): string {
  if (path === "" || path.startsWith("/")) return "is absolute";
  if (/[\\\0:]/.test(path)) return "has a character that other systems treat as a path separator";
  if (path.split("/").some((p) => p === ".." || p === "." || p === "")) return "leaves the archive";
  return "";
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function crc32(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of data) c = crcTable[(c ^ b) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

// writeZip makes an archive without compression: what is generated is small.
export function writeZip(files: { path: string; text: string }[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const f of files) {
    const name = encoder.encode(f.path);
    const data = encoder.encode(f.text);
    const head = new DataView(new ArrayBuffer(30));
    const entry = new DataView(new ArrayBuffer(46));
    const crc = crc32(data);
    for (const [view, at] of [
      [head, 4],
      [entry, 6],
    ] as const) {
      view.setUint16(at, 20, true);
      view.setUint16(at + 2, 0x800, true); // names are UTF-8
      view.setUint16(at + 8, 0x21, true); // 1980-01-01: the same files give the same archive
      view.setUint32(at + 10, crc, true);
      view.setUint32(at + 14, data.length, true);
      view.setUint32(at + 18, data.length, true);
      view.setUint16(at + 22, name.length, true);
    }
    head.setUint32(0, 0x04034b50, true);
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(4, 0x314, true);
    entry.setUint32(38, (0o100644 << 16) >>> 0, true);
    entry.setUint32(42, offset, true);
    parts.push(new Uint8Array(head.buffer), name, data);
    directory.push(new Uint8Array(entry.buffer), name);
    offset += 30 + name.length + data.length;
  }
  const size = directory.reduce((n, d) => n + d.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  const all = [...parts, ...directory, new Uint8Array(end.buffer)];
  const out = new Uint8Array(all.reduce((n, d) => n + d.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

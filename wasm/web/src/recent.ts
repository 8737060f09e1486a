// Which directory was opened last, so that it can be opened again. The browser keeps its handle, and asks before it is read;
// nothing that is in the directory is kept.
import { picker } from "./files";

const database = "redis-gitops";
const store = "directories";
const last = "last";

const settled = <T>(r: IDBRequest<T>) =>
  new Promise<T>((ok, no) => {
    r.onsuccess = () => ok(r.result);
    r.onerror = () => no(r.error);
  });

async function using<T>(mode: IDBTransactionMode, f: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(database, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const db = await settled(opening);
  try {
    return await settled(f(db.transaction(store, mode).objectStore(store)));
  } finally {
    db.close();
  }
}

// recall gives the directory that was opened last; undefined where browsers hand out no directories, or keep nothing.
export async function recall(): Promise<FileSystemDirectoryHandle | undefined> {
  if (!picker || !(await indexedDB.databases()).some((d) => d.name === database)) return undefined;
  return using<FileSystemDirectoryHandle | undefined>("readonly", (s) => s.get(last));
}

export const remember = (folder: FileSystemDirectoryHandle) => using("readwrite", (s) => s.put(folder, last));

export const forget = () => settled(indexedDB.deleteDatabase(database));

type Asking = { requestPermission?(o: { mode: "read" }): Promise<PermissionState> };

// allowed asks the person whether a directory may be read again.
export const allowed = async (folder: FileSystemDirectoryHandle) =>
  ((await (folder as unknown as Asking).requestPermission?.({ mode: "read" })) ?? "granted") === "granted";

// What the app keeps between two looks: its keys, its count, and what was pushed to it. IndexedDB, this origin only.
const open = () => new Promise((done, failed) => {
  const asked = indexedDB.open("authenticator", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("state");
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

async function within(mode, work) {
  const database = await open();
  try {
    return await new Promise((done, failed) => {
      const transaction = database.transaction("state", mode);
      const asked = work(transaction.objectStore("state"));
      transaction.oncomplete = () => done(asked.result);
      transaction.onabort = () => failed(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const load = (name) => within("readonly", (state) => state.get(name));
export const save = (name, value) => within("readwrite", (state) => state.put(value, name));
export const wipe = () => within("readwrite", (state) => state.clear());

// The next number of this device, written before it is used: none is ever sent twice.
export async function countUp(atLeast = 0) {
  const next = Math.max((await load("counter")) ?? 0, atLeast) + 1;
  await save("counter", next);
  return next;
}

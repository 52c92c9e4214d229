// Keeps the app's shell for when there is no net, and takes what is pushed. What comes is sealed for the keys of this
// device, so it is kept as it came; a notification says nothing of it (S3-15).
const CACHE = "shell-{{ version }}";
const ASSETS = [{% for asset in assets %}"{{ asset|escapejs }}"{% if not forloop.last %}, {% endif %}{% endfor %}];

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(["/", ...ASSETS]);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (ASSETS.includes(url.pathname)) {
    event.respondWith((async () => (await caches.match(url.pathname)) ?? fetch(event.request))());
  } else if (url.pathname === "/") {
    event.respondWith(fetch(event.request).then(async (answer) => {
      if (answer.ok) await (await caches.open(CACHE)).put("/", answer.clone());
      return answer;
    }).catch(() => caches.match("/")));
  }
});

const keep = (request) => new Promise((done, failed) => {
  const asked = indexedDB.open("authenticator", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("state");
  asked.onerror = () => failed(asked.error);
  asked.onsuccess = () => {
    const transaction = asked.result.transaction("state", "readwrite");
    transaction.objectStore("state").put(request, "pushed");
    transaction.oncomplete = () => { asked.result.close(); done(); };
  };
});

self.addEventListener("push", (event) => {
  event.waitUntil((async () => {
    const pushed = event.data ? event.data.json() : {};
    if (pushed.request) await keep(pushed.request);
    const open = await self.clients.matchAll({ type: "window" });
    for (const client of open) client.postMessage("pushed");
    await self.registration.showNotification("{{ bank.name|escapejs }}", {
      body: "{% load i18n %}{% filter escapejs %}{% translate 'Something waits for your signature. Open the app to see what.' %}{% endfilter %}",
      tag: "request",
    });
  })());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const [open] = await self.clients.matchAll({ type: "window" });
    await (open ? open.focus() : self.clients.openWindow("/"));
  })());
});

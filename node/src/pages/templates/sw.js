// Keeps what is the same for everybody, and the page that says that there is no network. Never a
// page about anybody: those are always fetched, and never stored.
const KEPT = [{% for address in kept %}"{{ address }}", {% endfor %}"/offline"];
const NAME = "musubi-" + KEPT[0];
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const request = event.request;
  const path = new URL(request.url).pathname;
  if (request.method !== "GET") return;
  if (KEPT.includes(path)) {
    event.respondWith(caches.match(path).then((kept) => kept || fetch(request)));
  } else if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  }
});

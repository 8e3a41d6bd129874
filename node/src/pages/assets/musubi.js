// What pages do beyond reading: parts that fill by themselves, answers as they come, a lock after
// idling, codes read by the camera. Everything else works without it.
const policy = window.trustedTypes?.createPolicy("musubi", {
  createHTML: (html) => html,
  createScriptURL: (address) => (address === "/sw.js" ? address : ""),
});
const trusted = (html) => (policy ? policy.createHTML(html) : html);
const root = document.documentElement;
root.classList.remove("plain");

// Parts -----------------------------------------------------------------------------------------

/** Puts the element of `html` in the place of `old`; focus and what was opened stay. */
export function put(old, html) {
  const template = document.createElement("template");
  template.innerHTML = trusted(html);
  const fresh = template.content.firstElementChild;
  if (!fresh) return null;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
  for (const open of old.querySelectorAll("details[open][id]")) {
    fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
  }
  old.replaceWith(fresh);
  if (focused !== null) (document.getElementById(focused) || fresh).focus({ preventScroll: true });
  wake(fresh);
  return fresh;
}

/** Fetches a part and puts it in, whatever the status: a row must never stay at "asking". */
async function fill(place) {
  const address = place.dataset.fragment;
  delete place.dataset.fragment;
  place.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(address, { headers: { "x-fragment": "1" }, credentials: "same-origin" });
    if (reply.status === 401 || reply.redirected) return leave();
    const text = await reply.text();
    if ((reply.headers.get("content-type") || "").startsWith("text/html") && put(place, text)) return;
    failed(place);
  } catch {
    failed(place);
  }
}

function failed(place) {
  place.removeAttribute("aria-busy");
  const said = place.querySelector("[data-failed]");
  for (const child of place.children) child.hidden = child !== said;
  if (said) said.hidden = false;
}

/** Follows a stream of parts: an event's data is the new element of the place with the same id. */
function follow(place) {
  const source = new EventSource(place.dataset.stream);
  delete place.dataset.stream;
  const take = (event) => {
    const template = document.createElement("template");
    template.innerHTML = trusted(event.data);
    for (const fresh of [...template.content.children]) {
      const old = document.getElementById(fresh.id);
      if (old) put(old, fresh.outerHTML);
    }
  };
  source.addEventListener("part", take);
  source.addEventListener("end", (event) => {
    source.close();
    if (event.data) take(event);
    place.removeAttribute("aria-busy");
  });
  source.addEventListener("error", () => {
    source.close();
    place.removeAttribute("aria-busy");
    for (const waiting of place.querySelectorAll("[aria-busy=true]")) failed(waiting);
  });
  window.addEventListener("pagehide", () => source.close(), { once: true });
}

// Small things ----------------------------------------------------------------------------------

function count(place) {
  const until = Number(place.dataset.countdown) * 1000;
  const tick = () => {
    const left = Math.max(0, Math.round((until - Date.now()) / 1000));
    place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) setTimeout(tick, 1000);
    else if (place.dataset.then) location.assign(place.dataset.then);
  };
  tick();
}

const elapsed = (place, since) => {
  const tick = () => {
    if (!place.isConnected) return;
    const seconds = Math.floor((performance.now() - since) / 1000);
    if (seconds >= 2) place.textContent = place.dataset.elapsed.replace("#", String(seconds));
    setTimeout(tick, 500);
  };
  tick();
};

async function copy(button) {
  const text = document.getElementById(button.dataset.copy)?.textContent || "";
  await navigator.clipboard.writeText(text.trim());
  const said = button.textContent;
  button.textContent = button.dataset.copied || said;
  setTimeout(() => (button.textContent = said), 2000);
}

/** Reads a QR code with the camera into the field that the button names. */
async function scan(button) {
  const field = document.getElementById(button.dataset.scan);
  const video = document.getElementById(button.dataset.video);
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  video.hidden = false;
  video.srcObject = stream;
  await video.play();
  const end = () => {
    for (const track of stream.getTracks()) track.stop();
    video.hidden = true;
  };
  const look = async () => {
    if (video.hidden) return end();
    const found = await detector.detect(video).catch(() => []);
    if (found.length === 0) return requestAnimationFrame(look);
    field.value = found[0].rawValue;
    end();
    field.focus();
  };
  look();
}

// Waking what is new on the page ------------------------------------------------------------------

export function wake(part) {
  const each = (selector, act) => {
    if (part.matches?.(selector)) act(part);
    for (const one of part.querySelectorAll(selector)) act(one);
  };
  each("[data-fragment]", (place) => fill(place));
  each("[data-stream]", follow);
  each("[data-countdown]", count);
  each("[data-elapsed]", (place) => elapsed(place, performance.now()));
  each("[data-again]", (place) => {
    setTimeout(() => {
      if (!place.isConnected) return;
      place.dataset.fragment = place.dataset.again;
      fill(place);
    }, 1000 * Number(place.dataset.after || 2));
  });
  each("[data-go]", (place) => location.assign(place.dataset.go));
  each("[data-scan]", (button) => {
    button.hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
  });
  each("select[data-submits]", (field) => field.addEventListener("change", () => field.form.requestSubmit()));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opens],[data-closes],[data-copy],[data-print],[data-retry],[data-scan]");
  if (!button) return;
  if (button.dataset.opens) {
    const dialog = document.getElementById(button.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  } else if ("closes" in button.dataset) {
    event.preventDefault();
    button.closest("dialog")?.close();
  } else if (button.dataset.copy) copy(button);
  else if ("print" in button.dataset) window.print();
  else if (button.dataset.scan) scan(button).catch(() => (button.hidden = true));
  else if (button.dataset.retry) {
    event.preventDefault();
    const place = document.getElementById(button.dataset.in) || button.closest("[id]");
    place.dataset.fragment = button.dataset.retry;
    fill(place);
  }
});

// A form is sent once: a second tap on a slow line is not a second consent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});

// The lock ----------------------------------------------------------------------------------------

function leave() {
  document.body.replaceChildren();
  location.replace(`/lock?next=${encodeURIComponent(location.pathname + location.search)}`);
}

const idle = Number(document.body.dataset.idle || 0);
if (idle > 0) {
  const warning = document.getElementById("idle");
  let touched = Date.now();
  const touch = () => (touched = Date.now());
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    window.addEventListener(kind, touch, { passive: true });
  }
  warning?.addEventListener("close", () => {
    touch();
    fetch(location.href, { method: "HEAD", credentials: "same-origin" }).catch(() => {});
  });
  setInterval(() => {
    const still = (Date.now() - touched) / 1000;
    if (still >= idle) leave();
    else if (still >= idle - 60 && warning && !warning.open) warning.showModal();
  }, 1000);
  // What the browser kept of a page is shown to nobody who was away.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

wake(document);
if ("serviceWorker" in navigator && document.body.classList.contains("people")) {
  navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {});
}

// Passkeys in the browser: a form asks the server what to sign, the authenticator signs, the server
// answers with a cookie. Nothing else happens here.
//
// A form of class `passkey` has
//   data-begin, data-finish   the two addresses
//   data-ceremony             `create` or `get`
//   data-hash                 the field that what stands behind `#` goes into, taken out of the address
//   data-device               on pages of people: the device keys are made ready with the same touch
// and says what happened in its element of class `says`, in the words of its own data-… attributes:
// busy, refused, cancelled, unsupported, failed, wait.

const PRF_SALT = new TextEncoder().encode("musubi device keys v1");

const decoded = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

const encoded = (buffer) => {
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

class Told extends Error {
  constructor(word) {
    super(word);
    this.word = word;
  }
}

const named = (one) => ({ ...one, id: decoded(one.id) });

/// Options as the server writes them, with bytes where the browser wants bytes.
function opened(options, withPrf) {
  const read = { ...options, challenge: decoded(options.challenge) };
  if (options.user) read.user = { ...options.user, id: decoded(options.user.id) };
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    if (options[list]) read[list] = options[list].map(named);
  }
  if (withPrf) {
    read.extensions = { ...options.extensions, prf: { eval: { first: PRF_SALT } } };
  }
  return read;
}

/// What an authenticator answered, as the server reads it.
function closed(credential) {
  const { response } = credential;
  const answer = { clientDataJSON: encoded(response.clientDataJSON) };
  if (response.attestationObject) {
    answer.attestationObject = encoded(response.attestationObject);
  } else {
    answer.authenticatorData = encoded(response.authenticatorData);
    answer.signature = encoded(response.signature);
    if (response.userHandle) answer.userHandle = encoded(response.userHandle);
  }
  return {
    id: credential.id,
    rawId: encoded(credential.rawId),
    type: credential.type,
    response: answer,
    clientExtensionResults: {},
  };
}

async function posted(url, body) {
  let reply;
  try {
    reply = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new Told("failed");
  }
  if (reply.ok) return reply.json();
  if (reply.status === 429) throw new Told("wait");
  if (reply.status >= 500) throw new Told("failed");
  throw new Told("refused");
}

async function shown(ceremony, publicKey) {
  try {
    return ceremony === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  } catch (error) {
    const known = error.name === "InvalidStateError" || error.name === "NotSupportedError";
    throw new Told(known ? "unsupported" : "cancelled");
  }
}

/// The device keys come from the same touch, where the authenticator can.
async function readied(credential) {
  const prf = credential.getClientExtensionResults().prf;
  if (!prf?.results?.first) return;
  const device = await import("./device.js");
  await device.keep(new Uint8Array(prf.results.first));
}

async function run(form) {
  const { begin, finish, ceremony } = form.dataset;
  const fields = Object.fromEntries(new FormData(form));
  const { next = "", label = "", ...first } = fields;
  const isForPerson = form.dataset.device !== undefined;
  const begun = await posted(begin, first);
  const credential = await shown(ceremony, opened(begun.publicKey, isForPerson));
  const body = { ceremony: begun.ceremony, credential: closed(credential) };
  if (label) body.label = label;
  if (next) body.next = next;
  const entered = await posted(finish, body);
  if (isForPerson) await readied(credential).catch(() => {});
  location.replace(entered.next);
}

function say(form, word) {
  const says = form.querySelector(".says");
  if (!says) return;
  says.textContent = word ? (form.dataset[word] ?? "") : "";
  says.hidden = !says.textContent;
}

/// What stands behind `#` goes into a field, and out of the address and the history.
function takeFragment(form) {
  const field = form.elements[form.dataset.hash];
  const fragment = location.hash.slice(1);
  if (!field || !fragment) return;
  field.value = decodeURIComponent(fragment);
  history.replaceState(null, "", location.pathname + location.search);
}

function wire(form) {
  if (form.dataset.hash) takeFragment(form);
  // Whoever is asked who they are has left, or was away: the keys come with the next touch.
  if (form.dataset.device !== undefined) {
    import("./device.js").then((device) => device.forget()).catch(() => {});
  }
  const button = form.querySelector("button");
  if (!window.PublicKeyCredential) {
    say(form, "unsupported");
    button.disabled = true;
    return;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(form, "busy");
    try {
      await run(form);
    } catch (error) {
      say(form, error instanceof Told ? error.word : "failed");
      form.querySelector(".says")?.focus();
      button.disabled = false;
    }
  });
  button.disabled = false;
}

for (const form of document.querySelectorAll("form.passkey")) wire(form);

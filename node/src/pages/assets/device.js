// A person's device keys: one Ed25519 key for each hospital that knows them, which their home node never
// sees. They sign decisions that the home could otherwise make up (WIRE 3.3).
//
// All of them come from one root: what the person's passkey gives for a fixed salt (WebAuthn PRF), so
// that a new phone with the same passkey has the same keys. An authenticator that cannot do that leaves a
// random root in this browser. Either way the root is kept as a key that no script can read out.
//
//   publicKeyFor(responder)   the public half of the key for this hospital, base64url
//   sign(responder, bytes)    the signature over base64url bytes, base64url
//   isReady()                 whether keys are at hand without asking for the passkey again
//   keep(root), forget()      taken in after a sign-in; let go at its end
//
// `number` is the number of the link with that hospital, 1 unless it was made anew.
// See docs/adr/0011-device-keys.md.

const SALT = new TextEncoder().encode("musubi device keys v1");
const PKCS8_HEAD = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);
const DATABASE = "musubi-device";
const STORE = "roots";

/// Why there is no key: `unsupported` (this browser has no Ed25519), `cancelled`, `locked_store`.
export class DeviceKeyError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const encoded = (buffer) => {
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const decoded = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(new DeviceKeyError("locked_store"));
  });
}

async function within(mode, work) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const asked = work(opened.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(new DeviceKeyError("locked_store"));
    });
  } finally {
    opened.close();
  }
}

const stored = (name) => within("readonly", (store) => store.get(name));

/// Takes in 32 bytes as the root that keys are derived from; no script reads them out again.
async function keepAs(name, root) {
  const key = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveBits"]);
  root.fill(0);
  await within("readwrite", (store) => store.put(key, name));
  return key;
}

/// Keeps what the passkey gave, until the person leaves.
export async function keep(root) {
  await keepAs("passkey", root);
}

/// Lets go of what the passkey gave. A random root stays: it is nowhere else.
export async function forget() {
  await within("readwrite", (store) => store.delete("passkey"));
}

/// Whether keys are at hand without asking for the passkey.
export async function isReady() {
  try {
    return Boolean((await stored("random")) ?? (await stored("passkey")));
  } catch {
    return false;
  }
}

/// Asks the passkey for the root; nothing where the authenticator cannot.
async function asked() {
  const challenge = crypto.getRandomValues(new Uint8Array(32));
  let shown;
  try {
    shown = await navigator.credentials.get({
      publicKey: {
        challenge,
        userVerification: "required",
        extensions: { prf: { eval: { first: SALT } } },
      },
    });
  } catch {
    throw new DeviceKeyError("cancelled");
  }
  const first = shown.getClientExtensionResults().prf?.results?.first;
  return first ? new Uint8Array(first) : undefined;
}

async function root() {
  const kept = (await stored("random")) ?? (await stored("passkey"));
  if (kept) return kept;
  const given = await asked();
  if (given) return keepAs("passkey", given);
  return keepAs("random", crypto.getRandomValues(new Uint8Array(32)));
}

/// The key for one link: HKDF-SHA-256 of the root, under the hospital's member id and the link's number.
async function keyFor(responder, number) {
  const info = new TextEncoder().encode(`${responder}\n${number}`);
  const derived = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: SALT, info },
    await root(),
    256,
  );
  const pkcs8 = new Uint8Array(PKCS8_HEAD.length + 32);
  pkcs8.set(PKCS8_HEAD);
  pkcs8.set(new Uint8Array(derived), PKCS8_HEAD.length);
  try {
    return await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  } catch {
    throw new DeviceKeyError("unsupported");
  } finally {
    pkcs8.fill(0);
  }
}

/// The public half of the key for this hospital, base64url.
export async function publicKeyFor(responder, number = 1) {
  const jwk = await crypto.subtle.exportKey("jwk", await keyFor(responder, number));
  return jwk.x;
}

/// The signature of this hospital's key over bytes in base64url, base64url.
export async function sign(responder, bytes, number = 1) {
  const key = await keyFor(responder, number);
  return encoded(await crypto.subtle.sign("Ed25519", key, decoded(bytes)));
}

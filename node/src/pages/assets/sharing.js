// Decisions that the person's own key signs. A form marked `data-signs` is sent when each field with
// `data-sign` (the bytes) and `data-hospital` holds the signature; one with `data-key-for` gets the
// public key for the hospital that the named field says. Nothing here decides anything.
import { publicKeyFor, sign } from "./device.js";

const said = (form, text) => {
  const place = form.querySelector("[data-said]");
  if (place) place.textContent = text || "";
};

async function filled(form) {
  for (const field of form.querySelectorAll("input[data-sign]")) {
    field.value = await sign(field.dataset.hospital, field.dataset.sign);
  }
  const key = form.querySelector("input[data-key-for]");
  if (key) key.value = await publicKeyFor(form.elements[key.dataset.keyFor].value);
}

// Before the module that keeps forms from being sent twice.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!("signs" in form.dataset) || form.dataset.signed) return;
    event.preventDefault();
    said(form, form.dataset.signing);
    filled(form).then(
      () => {
        form.dataset.signed = "1";
        form.submit();
      },
      () => said(form, form.dataset.failed),
    );
  },
  true,
);

for (const form of document.querySelectorAll("form[data-signs][data-at-once]")) form.requestSubmit();

// <form data-passkey="…"> asks the device for a signature before it is sent; the attribute holds what is asked, as JSON,
// or is empty: then data-passkey-begin is the address that tells it. <form data-new-passkey="…"> has the device make a
// key. The answer goes into the field `answer`. Without this the form is sent without one, and the server says so.
import { ask, make } from "./webauthn.js";

async function begin(form) {
  const body = new FormData(form);
  const answer = await fetch(form.dataset.passkeyBegin, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`asked for a challenge, got ${answer.status}`);
  return answer.json();
}

function show(form, name) {
  for (const note of form.querySelectorAll("[data-passkey-note]")) note.hidden = note.dataset.passkeyNote !== name;
}

function wire(form, answerTo) {
  if (!globalThis.PublicKeyCredential) {
    show(form, "unsupported");
    for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = true;
    return;
  }
  const field = form.elements.namedItem("answer");
  let isAsking = false;
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isAsking) return;
    isAsking = true;
    show(form, "");
    try {
      field.value = await answerTo();
      form.requestSubmit();
    } catch (error) {
      // "InvalidStateError": the device has a key for this access already. "SecurityError": another address than the bank's.
      const notes = { InvalidStateError: "known", SecurityError: "address" };
      show(form, notes[error.name] ?? "failed");
    }
    isAsking = false;
  });
  // Coming back through the browser's history: an answer serves once.
  window.addEventListener("pageshow", (event) => { if (event.persisted) field.value = ""; });
}

export function wirePasskeys(root) {
  for (const form of root.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    wire(form, async () => ask(form.dataset.passkey ? JSON.parse(form.dataset.passkey) : await begin(form)));
  }
  for (const form of root.querySelectorAll("form[data-new-passkey]"))
    wire(form, () => make(JSON.parse(form.dataset.newPasskey)));
}

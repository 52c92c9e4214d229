// The bank's app. One screen at a time; every text stands in the page, in its customer's language. Nothing is kept of a
// PIN, and nothing of a request but what was pushed, as it came.
import { environment, fromText, makeKeys, openRequest, pinKey, pinProof, shortCode, sign, toHex, toText, verificationChallenge } from "./protocol.js";
import { Camera, readFile } from "./pictures.js";
import { countUp, load, save, wipe } from "./store.js";
import { ask, make } from "../webauthn.js";

const ASK_SECONDS = 3;
const app = document.getElementById("app");
const screens = [...app.querySelectorAll("[data-screen]")];
const $ = (name) => app.querySelector(`[data-part="${name}"]`);

const camera = new Camera($("camera"));
let device = null, current = null, declined = new Set();

function show(name) {
  if (name !== "scan") camera.stop();
  for (const screen of screens) screen.hidden = screen.dataset.screen !== name;
  app.querySelector(`[data-screen="${name}"] [data-focus]`)?.focus();
}
const screen = () => screens.find((one) => !one.hidden)?.dataset.screen;

function say(name, ...codes) {
  for (const note of app.querySelectorAll(`[data-notes="${name}"] [data-note]`)) note.hidden = !codes.includes(note.dataset.note);
}

// Talking to the bank ---------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, answer) { super(answer.error ?? String(status)); this.status = status; this.answer = answer; }
}

async function post(kind, said, signing) {
  const body = JSON.stringify({ kind, ...said });
  const answered = await fetch(`/api/${kind}`, {
    method: "POST", body, headers: { "Content-Type": "application/json", "X-Signature": await sign(signing, body) },
  });
  const answer = await answered.json().catch(() => ({}));
  if (!answered.ok) throw new Refused(answered.status, answer);
  return answer;
}

async function tell(kind, said) {
  try {
    return await post(kind, { device_id: device.id, ...said }, device.signing);
  } catch (error) {
    if (error instanceof Refused && error.status === 410) { await forget(); show("lost"); }
    throw error;
  }
}

async function forget() {
  device = null;
  current = null;
  await wipe();
}

async function surroundings() {
  return { environment: toHex(await environment(device.installId)), is_unsound: navigator.webdriver === true };
}

// Binding ---------------------------------------------------------------------------------------------------

async function bind(form) {
  say("bind");
  const [code, pin, again] = ["code", "pin", "again"].map((name) => form.elements.namedItem(name).value.trim());
  if (!/^[0-9]{6}$/.test(pin)) return say("bind", "pin_form");
  if (/^(.)\1*$/.test(pin) || "01234567890 09876543210".includes(pin)) return say("bind", "pin_weak");
  if (pin !== again) return say("bind", "pin_differs");
  const keys = await makeKeys();
  const installId = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const said = {
    activation_code: code,
    signing_key: toText(keys.signingPublic),
    agreement_key: toText(keys.agreementPublic),
    pin_key: toText(await pinKey(pin, keys.signingPublic)),
    environment_hash: toText(await environment(installId)),
  };
  try {
    const bound = await post("activate", said, keys.signing);
    device = { id: bound.device_id, name: bound.name, installId, signing: keys.signing, agreement: keys.agreement, signingPublic: keys.signingPublic };
    await save("device", device);
  } catch (error) {
    return say("bind", error instanceof Refused ? (error.status === 403 ? "refused" : "failed") : "offline");
  }
  form.reset();
  history.replaceState(null, "", "/");
  home();
}

// Requests --------------------------------------------------------------------------------------------------

async function take(text, notes = "home") {
  try {
    const request = await openRequest(text, device.agreement);
    if (declined.has(request.challengeId)) return false;
    current = request;
  } catch {
    say(notes, "not_for_me");
    return false;
  }
  const { title, lines, language } = current.shown;
  const list = $("lines");
  list.replaceChildren(...lines.map(([label, text]) => {
    const row = document.createElement("div"), term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = label;
    value.textContent = text;
    row.append(term, value);
    return row;
  }));
  $("title").textContent = title;
  $("what").lang = language;
  say("request", ...(asksForVerification() ? ["new_verification"] : []));
  $("by-verification").hidden = !device.verification || asksForVerification();
  app.querySelector('form[data-form="answer"]').reset();
  show("request");
  return true;
}

async function look() {
  if (!device || screen() !== "home") return;
  const pushed = await load("pushed");
  if (pushed) {
    await save("pushed", null);
    if (await take(pushed)) return;
  }
  try {
    const { requests, counter, verification } = await tell("requests", {});
    await noteVerification(verification);
    if (counter > ((await load("counter")) ?? 0)) await save("counter", counter);
    say("home");
    if (screen() === "home") for (const text of requests) if (await take(text)) return;
  } catch (error) {
    if (device && !(error instanceof Refused)) say("home", "offline");
  }
}

async function approve(form) {
  const field = form.elements.namedItem("pin"), pin = field.value.trim(), request = current;
  if (!/^[0-9]{6}$/.test(pin)) return say("request", "pin_form");
  say("request", "working");
  if (asksForVerification()) return addVerification(field, request);
  const key = await pinKey(pin, device.signingPublic);
  field.value = "";
  const said = { challenge_id: request.challengeId, is_approved: true, counter: await countUp(), pin_proof: await pinProof(key, request) };
  try {
    await tell("answer", { ...said, ...(await surroundings()) });
    current = null;
    show("done");
  } catch (error) {
    if (!device) return;
    if (!(error instanceof Refused)) return offerCode(await shortCode(key, request, Number(app.dataset.digits)));
    if (!error.answer.is_over) return say("request", "wrong");
    current = null;
    show("over");
  }
}

// Fingerprint or face ---------------------------------------------------------------------------------------

// What the telephone can do; the key itself stays in its authenticator, and the bank knows whether it is on.
const canVerify = async () => (await globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.()) ?? false;
const asksForVerification = () => current?.shown.asks === "user_verification";

async function noteVerification(verification) {
  if (!device || (device.verification ?? null) === verification) return;
  device = { ...device, verification };
  await save("device", device);
  await showVerification();
}

async function showVerification() {
  const isOn = Boolean(device.verification), isPossible = await canVerify();
  for (const [name, isShown] of [["verification-on", isPossible && !isOn], ["verification-off", isOn]])
    app.querySelector(`[data-action="${name}"]`).hidden = !isShown;
}

async function switchOn() {
  say("verification");
  try {
    const { request } = await tell("verification", { is_on: true, counter: await countUp() });
    await take(request);
  } catch {
    if (device) say("verification", "failed");
  }
}

async function switchOff() {
  say("verification");
  try {
    await tell("verification", { is_on: false, counter: await countUp() });
    await noteVerification(null);
    say("verification", "off");
  } catch {
    if (device) say("verification", "failed");
  }
}

/** The telephone makes a key for exactly this request; the PIN allows it. */
async function addVerification(field, request) {
  const pin = field.value.trim(), challenge = await verificationChallenge(request);
  field.value = "";
  try {
    const verification = await make({
      challenge,
      rp: { id: location.hostname, name: document.title },
      user: { id: toText(crypto.getRandomValues(new Uint8Array(16))), name: device.name, displayName: device.name },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
      authenticatorSelection: { authenticatorAttachment: "platform", residentKey: "discouraged", userVerification: "required" },
      attestation: "none",
    });
    const key = await pinKey(pin, device.signingPublic);
    const said = { challenge_id: request.challengeId, counter: await countUp(), verification, pin_proof: await pinProof(key, request) };
    const answer = await tell("add_verification", { ...said, ...(await surroundings()) });
    current = null;
    await noteVerification(answer.verification);
    home();
    say("verification", "on");
  } catch (error) {
    if (device) refused(error, "no_verification");
  }
}

async function approveByVerification() {
  const request = current;
  say("request", "working");
  try {
    const verification = await ask({
      challenge: await verificationChallenge(request),
      rpId: location.hostname,
      allowCredentials: [{ type: "public-key", id: device.verification }],
      userVerification: "required",
    });
    const said = { challenge_id: request.challengeId, is_approved: true, counter: await countUp(), verification };
    await tell("answer", { ...said, ...(await surroundings()) });
    current = null;
    show("done");
  } catch (error) {
    if (device) refused(error, "no_verification");
  }
}

// A DOMException is the telephone's no; anything else that is no answer of the bank's is the net's.
function refused(error, note) {
  if (error instanceof DOMException) return say("request", note);
  if (!(error instanceof Refused)) return say("request", "no_net");
  if (!error.answer.is_over) return say("request", "wrong");
  current = null;
  show("over");
}

function offerCode(code) {
  $("code").textContent = `${code.slice(0, 4)} ${code.slice(4)}`;
  current = null;
  show("code");
}

async function decline() {
  const said = { challenge_id: current.challengeId, is_approved: false, counter: await countUp() };
  declined.add(current.challengeId);
  current = null;
  try { await tell("answer", { ...said, ...(await surroundings()) }); } catch { /* It runs out by itself. */ }
  if (device) show("declined");
}

// Pictures --------------------------------------------------------------------------------------------------

// The request itself, or the address under which the app opens it.
function requestIn(text) {
  const address = `${location.origin}/#request=`;
  const request = text.startsWith(address) ? text.slice(address.length) : text;
  return /^[A-Za-z0-9_-]{100,}$/.test(request) ? request : null;
}

async function seen(text) {
  const request = requestIn(text);
  if (request) return take(request, "scan");
  say("scan", "foreign");
  return false;
}

async function scan() {
  say("scan");
  show("scan");
  await startCamera();
}

async function startCamera() {
  const why = await camera.start(seen);
  $("camera").hidden = why !== "";
  if (screen() !== "scan") return camera.stop();
  if (why) say("scan", why);
}

async function scanFile(field) {
  const [file] = field.files;
  field.value = "";
  if (!file) return;
  say("scan", "working");
  const text = await readFile(file);
  if (text === null) return say("scan", "nothing");
  say("scan");
  await seen(text);
}

// Being woken -----------------------------------------------------------------------------------------------

async function subscribe() {
  const registration = await navigator.serviceWorker?.ready;
  if (!registration?.pushManager) return say("push", "impossible");
  try {
    if ((await Notification.requestPermission()) !== "granted") return say("push", "impossible");
    const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: fromText(app.dataset.pushKey) });
    await tell("subscribe", {
      endpoint: made.endpoint, p256dh: toText(made.getKey("p256dh")), auth: toText(made.getKey("auth")), counter: await countUp(),
    });
    say("push", "on");
  } catch {
    say("push", "impossible");
  }
}

function home() {
  say("home");
  say("verification");
  $("name").textContent = device.name;
  showVerification();
  show("home");
  look();
}

async function start() {
  if (navigator.serviceWorker) {
    navigator.serviceWorker.register("/worker.js", { scope: "/" }).catch(() => {});
    navigator.serviceWorker.addEventListener("message", look);
  }
  // A link of the bank's that is opened while the app is open loads nothing anew.
  addEventListener("hashchange", () => { if (location.hash) follow(); });
  await follow();
}

/** What the link says by which the app was opened: an activation code, a request, or nothing. */
async function follow() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  device = await load("device");
  if (!device) {
    const form = app.querySelector('form[data-form="bind"]');
    form.elements.namedItem("code").value = fragment.get("activate") ?? "";
    return show("bind");
  }
  history.replaceState(null, "", "/");
  home();
  if (fragment.get("request")) await take(fragment.get("request"));
}

const forms = { bind, answer: approve };
for (const form of app.querySelectorAll("form[data-form]"))
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    try { await forms[form.dataset.form](form); } finally { button.disabled = false; }
  });
const actions = {
  decline, home, scan, subscribe, "by-verification": approveByVerification, "verification-on": switchOn, "verification-off": switchOff,
  forget: async () => { await forget(); show("bind"); },
};
for (const button of app.querySelectorAll("button[data-action]"))
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { await actions[button.dataset.action](); } finally { button.disabled = false; }
  });
$("picture").addEventListener("change", (event) => scanFile(event.target));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return camera.stop();
  if (screen() === "scan") return startCamera();
  look();
});
setInterval(() => { if (!document.hidden) look(); }, ASK_SECONDS * 1000);

if (!globalThis.crypto?.subtle || !globalThis.indexedDB) show("unsupported");
else start();

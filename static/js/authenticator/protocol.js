// The device's half of what is written in docs/decisions/0031: keys that cannot leave, requests that this device alone
// can open, and answers over exactly the bytes that were opened and shown.
const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { fatal: true });
const P256 = "P-256", PIN_ROUNDS = 600_000;

export const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const fromText = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
export const toHex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};

// Two key pairs whose private halves no script can read out; IndexedDB keeps them as they are.
export async function makeKeys() {
  const signing = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: P256 }, false, ["sign"]);
  const agreement = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: P256 }, false, ["deriveBits"]);
  return {
    signing: signing.privateKey,
    agreement: agreement.privateKey,
    signingPublic: new Uint8Array(await crypto.subtle.exportKey("raw", signing.publicKey)),
    agreementPublic: new Uint8Array(await crypto.subtle.exportKey("raw", agreement.publicKey)),
  };
}

// What a PIN becomes. It is kept nowhere on the device, so there is nothing here to try PINs on.
export async function pinKey(pin, signingPublic) {
  const typed = await crypto.subtle.importKey("raw", encoder.encode(pin), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: signingPublic, iterations: PIN_ROUNDS };
  return new Uint8Array(await crypto.subtle.deriveBits(how, typed, 256));
}

export async function sign(signing, body) {
  return toText(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, signing, encoder.encode(body)));
}

// A request as bytes → what it asks, or an error if it is not for this device.
export async function openRequest(text, agreement) {
  const bytes = fromText(text);
  if (bytes[0] !== 1 || bytes.length < 99) throw new Error("not a request to an app");
  const head = bytes.slice(0, 82), challenge = bytes.slice(1, 17);
  const bank = await crypto.subtle.importKey("raw", bytes.slice(17, 82), { name: "ECDH", namedCurve: P256 }, false, []);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: bank }, agreement, 256);
  const keys = new Uint8Array(await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: challenge, info: encoder.encode("bankportal.device.request.v1") },
    await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveBits"]), 512));
  const seal = await crypto.subtle.importKey("raw", keys.slice(0, 32), "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: head };
  const content = new Uint8Array(await crypto.subtle.decrypt(how, seal, bytes.slice(82)));
  const hex = toHex(challenge);
  return {
    challengeId: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-"),
    shown: JSON.parse(decoder.decode(content.slice(32))),
    content,
    codeKey: keys.slice(32),
  };
}

async function mac(key, ...parts) {
  const how = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(how, imported, joined(...parts)));
}

/** What the telephone's own authenticator signs once it has made sure of its user: over the content that was opened. */
export async function verificationChallenge(request) {
  const said = encoder.encode("bankportal.device.verification.v1|"), digest = await sha256(request.content);
  return toText(await sha256(new Uint8Array([...said, ...digest])));
}

export async function pinProof(pin, request) {
  return toText(await mac(pin, encoder.encode("bankportal.device.pin.v1|"), await sha256(request.content)));
}

// Eight digits to type, where the app has no net.
export async function shortCode(pin, request, digits = 8) {
  const bytes = await mac(request.codeKey, pin, await sha256(request.content));
  const number = new DataView(bytes.buffer).getBigUint64(0) % 10n ** BigInt(digits);
  return number.toString().padStart(digits, "0");
}

// What the app tells of its surroundings: not the person's, and the same tomorrow on the same device.
export async function environment(installId) {
  const said = [navigator.platform, navigator.hardwareConcurrency, navigator.maxTouchPoints, installId].join("|");
  return sha256(encoder.encode(said));
}

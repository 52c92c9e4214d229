// Makes an ES256 key pair in the browser: the private key becomes a file of the developer's, the public one fills the form.
const PEM_LINE = 64;

const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const base64url = (bytes) => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// RFC 7638: the SHA-256 over the members that make the key, in the order of their names.
async function thumbprint({ crv, kty, x, y }) {
  const text = JSON.stringify({ crv, kty, x, y });
  return base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

async function toPem(privateKey) {
  const body = base64(await crypto.subtle.exportKey("pkcs8", privateKey));
  const lines = body.match(new RegExp(`.{1,${PEM_LINE}}`, "g")).join("\n");
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
}

async function makeKeyPair() {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const kid = await thumbprint({ kty, crv, x, y });
  return { pem: await toPem(pair.privateKey), jwk: { kty, crv, x, y, kid, alg: "ES256", use: "sig" }, kid };
}

// The same name as apps/console/programs.py gives it.
const fileName = (prefix, kid) => `${prefix}${kid.replace(/[^A-Za-z0-9]/g, "").slice(0, 12)}.pem`;

function wire(maker) {
  const part = (name) => maker.querySelector(`[data-key-${name}]`);
  part("without").hidden = true;
  if (!globalThis.crypto?.subtle) {
    part("unsupported").hidden = false;
    return;
  }
  part("start").hidden = false;
  const status = part("status");
  const again = part("again");
  const button = part("start").querySelector("button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { pem, jwk, kid } = await makeKeyPair();
      const link = again.querySelector("a");
      if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([pem], { type: "application/x-pem-file" }));
      link.download = fileName(maker.dataset.privateKeyPrefix, kid);
      link.click();
      again.hidden = false;
      document.querySelector("textarea[name=public_key]").value = JSON.stringify(jwk, null, 2);
      status.textContent = status.dataset.done.replace("%s", link.download);
      document.querySelector("[data-key-submit]").focus();
    } catch (error) {
      console.error(error);
      status.textContent = status.dataset.failed;
    }
    button.disabled = false;
  });
}

for (const maker of document.querySelectorAll("[data-key-maker]")) wire(maker);

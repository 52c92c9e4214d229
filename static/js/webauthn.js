// Asking a device for a key or a signature (WebAuthn), in the JSON that the server speaks.
const fromBase64url = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)).buffer;
const toBase64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const descriptors = (list) => (list ?? []).map((one) => ({ ...one, id: fromBase64url(one.id) }));

/** A signature over what is asked (PublicKeyCredentialRequestOptions as JSON), as JSON text. */
export async function ask(request) {
  const made = await navigator.credentials.get({
    publicKey: {
      ...request,
      challenge: fromBase64url(request.challenge),
      allowCredentials: descriptors(request.allowCredentials),
    },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  return describe(made, {
    clientDataJSON: toBase64url(clientDataJSON),
    authenticatorData: toBase64url(authenticatorData),
    signature: toBase64url(signature),
    ...(userHandle && { userHandle: toBase64url(userHandle) }),
  });
}

/** A new key (PublicKeyCredentialCreationOptions as JSON), as JSON text. */
export async function make(request) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...request,
      challenge: fromBase64url(request.challenge),
      user: { ...request.user, id: fromBase64url(request.user.id) },
      excludeCredentials: descriptors(request.excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = made.response;
  return describe(made, {
    clientDataJSON: toBase64url(clientDataJSON),
    attestationObject: toBase64url(attestationObject),
    transports: made.response.getTransports?.() ?? [],
  });
}

const describe = (made, response) => JSON.stringify({
  id: made.id,
  rawId: toBase64url(made.rawId),
  type: made.type,
  clientExtensionResults: {},
  response,
});

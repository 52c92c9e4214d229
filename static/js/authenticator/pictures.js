// What stands in a picture: the request that the bank has put there. From the camera, or from a file.
import { decodeQR } from "../vendor/qr/decode.js";
import { readColours } from "./colours.js";
import { toText } from "./protocol.js";

const SIDE_MAX = 1280, LOOK_EVERY_MS = 150;

// RGBA pixels → the text of the first QR code in it, or null.
function readQR(pixels) {
  try {
    return decodeQR(pixels);
  } catch {
    return null;
  }
}

function readPixels(pixels) {
  const bytes = readColours(pixels);
  return bytes ? toText(bytes) : readQR(pixels);
}

const canvas = document.createElement("canvas");
function pixelsOf(source, width, height) {
  const scale = Math.min(1, SIDE_MAX / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  drawn.drawImage(source, 0, 0, canvas.width, canvas.height);
  return drawn.getImageData(0, 0, canvas.width, canvas.height);
}

// A file that is no picture is one without anything in it.
export async function readFile(file) {
  try {
    const picture = await createImageBitmap(file);
    try { return readPixels(pixelsOf(picture, picture.width, picture.height)); } finally { picture.close(); }
  } catch {
    return null;
  }
}

// The camera behind a <video>. `found` gets each text that is read and says whether it was what was looked for; then, or
// after stop(), the camera is off. start() tells why there is no picture: "refused", "none", or "" when there is one.
export class Camera {
  #stream = null;
  #video;
  constructor(video) { this.#video = video; }

  async start(found) {
    this.stop();
    let stream;
    try {
      const wanted = { facingMode: "environment", width: { ideal: SIDE_MAX } };
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      return error?.name === "NotAllowedError" ? "refused" : "none";
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {});
    this.#look(stream, found);
    return "";
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  async #look(stream, found) {
    while (this.#stream === stream) {
      const { videoWidth: width, videoHeight: height } = this.#video;
      const text = width ? readPixels(pixelsOf(this.#video, width, height)) : null;
      if (text !== null && (await found(text)) && this.#stream === stream) this.stop();
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
  }
}

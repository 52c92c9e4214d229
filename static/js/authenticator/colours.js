// Reads the bank's pictures of cells in four colours: pixels in, bytes out, or null. The format is described in
// apps/web/colour_matrix.py. Finds the black frame, takes its corners for the perspective, learns from the first and the
// last row how the colours look in this light, and names each cell by the nearest. What cannot be corrected is null.
const VERSION = 1, SIDE_MIN = 16, SIDE_MAX = 100, EDGE = 3;
const FIRST_ROW = [0, 1, 2, 3], LAST_ROW = [2, 0, 3, 1]; // White, red, green, blue by their numbers.
const SHARES = [0.4, 0.2, 0.1, 0.6]; // Between the darkest and the lightest: where dark ends.
const FRAMES_MAX = 8, READINGS_MAX = 6, FRAME_MIN = 40;

export function readColours({ width, height, data }) {
  // The brightest of the three channels: of all that a picture holds, only its frame is dark in it.
  const light = new Uint8Array(width * height), counts = new Uint32Array(256);
  for (let at = 0, from = 0; at < light.length; at++, from += 4) {
    light[at] = Math.max(data[from], data[from + 1], data[from + 2]);
    counts[light[at]]++;
  }
  const dark = quantile(counts, light.length / 1000), bright = quantile(counts, light.length * 0.99);
  if (bright - dark < 40) return null;
  for (const share of SHARES) {
    for (const frame of frames(light, width, height, dark + share * (bright - dark))) {
      for (const reading of readings({ width, height, data }, frame)) {
        const bytes = decode(bytesOf({ width, height, data }, reading), reading.side);
        if (bytes) return bytes;
      }
    }
  }
  return null;
}

function quantile(counts, wanted) {
  let sum = 0, value = 0;
  while (value < 255 && (sum += counts[value]) <= wanted) value++;
  return value;
}

// The frame ---------------------------------------------------------------------------------------------------

// Corners, clockwise, of what is dark and in one piece; the largest first.
function* frames(light, width, height, limit) {
  const waiting = light.map((value) => (value < limit ? 1 : 0));
  const stack = new Int32Array(width * height);
  const found = [];
  for (let start = waiting.indexOf(1); start >= 0; start = waiting.indexOf(1, start + 1)) {
    const piece = takePiece(waiting, width, height, start, stack);
    if (Math.min(piece.across, piece.down) >= FRAME_MIN) found.push(piece);
  }
  found.sort((one, other) => other.across * other.down - one.across * one.down);
  for (const piece of found.slice(0, FRAMES_MAX)) {
    const corners = cornersOf(piece.points);
    if (corners) yield corners;
  }
}

// Takes the dark piece at `start` away; the first and the last pixel of it in each row.
function takePiece(waiting, width, height, start, stack) {
  const edges = new Map();
  let left = width, right = 0, top = height, bottom = 0, depth = 0;
  stack[depth++] = start;
  waiting[start] = 0;
  while (depth) {
    const at = stack[--depth], x = at % width, y = (at - x) / width;
    const known = edges.get(y);
    if (!known) edges.set(y, [x, x]);
    else if (x < known[0]) known[0] = x;
    else if (x > known[1]) known[1] = x;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
    if (x && waiting[at - 1]) { waiting[at - 1] = 0; stack[depth++] = at - 1; }
    if (x + 1 < width && waiting[at + 1]) { waiting[at + 1] = 0; stack[depth++] = at + 1; }
    if (y && waiting[at - width]) { waiting[at - width] = 0; stack[depth++] = at - width; }
    if (y + 1 < height && waiting[at + width]) { waiting[at + width] = 0; stack[depth++] = at + width; }
  }
  const points = [];
  for (const [y, ends] of edges) points.push([ends[0], y], [ends[1], y]);
  return { points, across: right - left, down: bottom - top };
}

const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);
const sideOf = (start, end, point) =>
  (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0]);
const best = (points, worth) => points.reduce((kept, point) => (worth(point) > worth(kept) ? point : kept));
const pairs = (corners) => corners.map((corner, number) => [corner, corners[(number + 1) % 4]]);

function cornersOf(points) {
  const middle = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const first = best(points, (point) => distance(point, middle));
  const third = best(points, (point) => distance(point, first));
  const second = best(points, (point) => sideOf(first, third, point));
  const fourth = best(points, (point) => -sideOf(first, third, point));
  if (sideOf(first, third, second) <= 0 || sideOf(first, third, fourth) >= 0) return null;
  const corners = [first, second, third, fourth];
  if (pairs(corners).reduce((sum, [[x, y], [u, v]]) => sum + x * v - u * y, 0) < 0) corners.reverse();
  const lines = pairs(corners).map(([start, end]) => lineThrough(points, start, end));
  if (lines.includes(null)) return null;
  // Pixels have a size: half of one lies outside of their middles.
  return lines.map((line, number) => {
    const [x, y] = meet(lines[(number + 3) % 4], line);
    return [x + 0.5 + 0.5 * Math.sign(x - middle[0]), y + 0.5 + 0.5 * Math.sign(y - middle[1])];
  });
}

// The straight line through the points near an edge, away from its corners: a point and a direction.
function lineThrough(points, start, end) {
  const length = distance(start, end);
  if (length < FRAME_MIN / 2) return null;
  let base = start, way = [(end[0] - start[0]) / length, (end[1] - start[1]) / length];
  const along = [...way];
  for (const width of [Math.max(2, length * 0.03), Math.max(1.5, length * 0.01)]) {
    const near = points.filter(([x, y]) => {
      const off = (x - base[0]) * way[1] - (y - base[1]) * way[0];
      const far = (x - start[0]) * along[0] + (y - start[1]) * along[1];
      return Math.abs(off) <= width && far > 0.06 * length && far < 0.94 * length;
    });
    if (near.length < 8) break;
    base = [0, 1].map((axis) => near.reduce((sum, point) => sum + point[axis], 0) / near.length);
    let xx = 0, yy = 0, xy = 0;
    for (const [x, y] of near) {
      xx += (x - base[0]) ** 2;
      yy += (y - base[1]) ** 2;
      xy += (x - base[0]) * (y - base[1]);
    }
    const angle = Math.atan2(2 * xy, xx - yy) / 2;
    way = [Math.cos(angle), Math.sin(angle)];
  }
  return [base, way];
}

function meet([[x, y], [u, v]], [[p, q], [r, s]]) {
  const turned = u * s - v * r;
  if (Math.abs(turned) < 1e-6) return [p, q];
  const along = ((p - x) * s - (q - y) * r) / turned;
  return [x + along * u, y + along * v];
}

// The cells ---------------------------------------------------------------------------------------------------

// The guesses of size and turn for which first and last row look as they should, the best first.
function readings(pixels, frame) {
  const found = [];
  for (let turn = 0; turn < 4; turn++) {
    const mapping = mappingTo([...frame.slice(turn), ...frame.slice(0, turn)]);
    for (let side = SIDE_MIN; side <= SIDE_MAX; side += 4) {
      const top = learn(pixels, mapping, side, 0, FIRST_ROW);
      const bottom = top && learn(pixels, mapping, side, side - 1, LAST_ROW);
      if (bottom) found.push({ quality: Math.min(top.quality, bottom.quality), side, mapping, top: top.means, bottom: bottom.means });
    }
  }
  return found.sort((one, other) => other.quality - one.quality).slice(0, READINGS_MAX);
}

const squared = (one, other) => (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2;

// How the four colours look in a row that repeats them, and how well they are told apart; null: it does not.
function learn(pixels, mapping, side, row, order) {
  const seen = [[], [], [], []];
  for (let column = 0; column < side; column++) seen[order[column % 4]].push(cell(pixels, mapping, side, column, row));
  const means = seen.map((ones) => [0, 1, 2].map((channel) => ones.reduce((sum, one) => sum + one[channel], 0) / ones.length));
  const white = means[0];
  if (Math.min(...white) < 25) return null;
  for (let channel = 0; channel < 3; channel++) {
    const shares = means[channel + 1].map((value, other) => value / white[other]);
    if (shares[channel] < Math.max(shares[(channel + 1) % 3], shares[(channel + 2) % 3]) + 0.12) return null;
  }
  let spread = 0, apart = Infinity;
  seen.forEach((ones, number) => ones.forEach((one) => { spread += Math.sqrt(squared(one, means[number])) / side; }));
  for (let one = 0; one < 4; one++) for (let other = 0; other < one; other++) apart = Math.min(apart, Math.sqrt(squared(means[one], means[other])));
  return apart > spread ? { quality: apart / (spread + 4), means } : null;
}

const LOOKS = [[0.5, 0.5], [0.35, 0.35], [0.65, 0.35], [0.35, 0.65], [0.65, 0.65]];

// The colour in the middle of a cell: of five looks.
function cell({ width, height, data }, [a, b, c, d, e, f, g, h], side, column, row) {
  const colour = [0, 0, 0];
  for (const [right, down] of LOOKS) {
    const u = (column + right + EDGE) / (side + 2 * EDGE), v = (row + down + EDGE) / (side + 2 * EDGE);
    const depth = g * u + h * v + 1 || 1e-9;
    const x = Math.min(Math.max(Math.trunc((a * u + b * v + c) / depth), 0), width - 1);
    const y = Math.min(Math.max(Math.trunc((d * u + e * v + f) / depth), 0), height - 1);
    const from = 4 * (y * width + x);
    for (let channel = 0; channel < 3; channel++) colour[channel] += data[from + channel] / LOOKS.length;
  }
  return colour;
}

// From the unit square to the four corners (Heckbert 1989).
function mappingTo([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]) {
  const sx = x0 - x1 + x2 - x3, sy = y0 - y1 + y2 - y3;
  const dx1 = x1 - x2, dx2 = x3 - x2, dy1 = y1 - y2, dy2 = y3 - y2;
  const whole = dx1 * dy2 - dx2 * dy1 || 1e-9;
  const g = (sx * dy2 - dx2 * sy) / whole, h = (dx1 * sy - sx * dy1) / whole;
  return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h];
}

function bytesOf(pixels, { side, mapping, top, bottom }) {
  const bytes = new Uint8Array((side * (side - 2)) / 4);
  for (let row = 1, at = 0; row < side - 1; row++) {
    const share = row / (side - 1);
    const known = top.map((up, number) => up.map((value, channel) => value + (bottom[number][channel] - value) * share));
    for (let column = 0; column < side; column++, at++) {
      const seen = cell(pixels, mapping, side, column, row);
      let nearest = 0;
      for (let number = 1; number < 4; number++) if (squared(seen, known[number]) < squared(seen, known[nearest])) nearest = number;
      bytes[at >> 2] |= nearest << (6 - 2 * (at & 3));
    }
  }
  return bytes;
}

// The bytes ---------------------------------------------------------------------------------------------------

function decode(stream, side) {
  const count = Math.ceil(stream.length / 255), message = [];
  for (let number = 0; number < count; number++) {
    const block = stream.filter((_, at) => at % count === number);
    const corrected = correct(block, Math.floor(block.length / 5) * 2);
    if (!corrected) return null;
    message.push(...corrected);
  }
  const length = message[1] * 256 + message[2];
  if (message[0] !== VERSION || length + 7 > message.length) return null;
  const check = crc32(message.slice(0, 3 + length));
  for (let place = 0; place < 4; place++) if (message[3 + length + place] !== ((check >>> (24 - 8 * place)) & 255)) return null;
  return Uint8Array.from(message.slice(3, 3 + length));
}

function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

// Reed-Solomon over GF(256) by 0x11d, roots from the zeroth power of 2, as in QR codes.
const EXP = new Uint8Array(512), LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++, value = value & 128 ? ((value << 1) ^ 0x11d) & 255 : value << 1) {
  EXP[power] = EXP[power + 255] = value;
  LOG[value] = power;
}
const times = (one, other) => (one && other ? EXP[LOG[one] + LOG[other]] : 0);
const inverse = (one) => EXP[255 - LOG[one]];
const valueAt = (polynomial, x) => polynomial.reduceRight((sum, factor) => times(sum, x) ^ factor, 0); // Lowest power first.

// A block without its parity, corrected; null when too much of it is wrong.
function correct(block, parity) {
  const syndromes = [];
  for (let power = 0; power < parity; power++) {
    let sum = 0;
    for (const byte of block) sum = times(sum, EXP[power]) ^ byte;
    syndromes.push(sum);
  }
  const data = block.slice(0, block.length - parity);
  if (!syndromes.some(Boolean)) return data;
  // Berlekamp-Massey: the polynomial whose roots are where the errors are.
  let locator = [1], former = [1], errors = 0, gap = 1, divisor = 1;
  for (let step = 0; step < parity; step++) {
    let difference = syndromes[step];
    for (let term = 1; term <= errors; term++) difference ^= times(locator[term] ?? 0, syndromes[step - term]);
    if (!difference) { gap++; continue; }
    const next = [...locator], factor = times(difference, inverse(divisor));
    for (let term = 0; term < former.length; term++) next[term + gap] = (next[term + gap] ?? 0) ^ times(factor, former[term]);
    for (let term = 0; term < next.length; term++) next[term] ??= 0;
    if (2 * errors <= step) { former = locator; divisor = difference; errors = step + 1 - errors; gap = 1; } else gap++;
    locator = next;
  }
  if (2 * errors > parity) return null;
  // Chien's search and Forney's values.
  const evaluator = [];
  for (let term = 0; term < parity; term++) {
    let sum = 0;
    for (let part = 0; part <= term && part < locator.length; part++) sum ^= times(locator[part], syndromes[term - part]);
    evaluator.push(sum);
  }
  const slope = locator.map((factor, term) => (term % 2 ? factor : 0)).slice(1);
  let found = 0;
  const whole = block.slice();
  for (let place = 0; place < block.length; place++) {
    const power = block.length - 1 - place, root = EXP[(255 - power) % 255];
    if (valueAt(locator, root)) continue;
    const below = valueAt(slope, root);
    if (!below) return null;
    whole[place] ^= times(EXP[power % 255], times(valueAt(evaluator, root), inverse(below)));
    found++;
  }
  if (found !== errors) return null;
  for (let power = 0; power < parity; power++) {
    let sum = 0;
    for (const byte of whole) sum = times(sum, EXP[power]) ^ byte;
    if (sum) return null;
  }
  return whole.slice(0, block.length - parity);
}

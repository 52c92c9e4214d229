// Builds static/img/icons.svg: one <symbol> per Lucide icon named below. Shapes only use attributes, never style="".
import { readFileSync, writeFileSync } from "node:fs";

const NAMES = [
  "activity", "alert-triangle", "app-window", "arrow-left", "arrow-right", "arrow-left-right", "ban", "book-open",
  "building-2", "calendar", "check", "chevron-right", "circle-alert", "circle-check", "clock", "copy", "download",
  "external-link", "eye", "file-text", "fingerprint", "flask-conical", "globe", "handshake", "hourglass", "house",
  "inbox", "info", "key-round", "landmark", "layout-dashboard", "list", "lock", "log-in", "log-out", "message-square",
  "monitor", "moon", "phone", "plus", "refresh-cw", "rotate-ccw", "scan-line", "search", "send", "shield-check", "smartphone", "sun",
  "terminal", "trash-2", "undo-2", "upload", "user", "users", "wallet", "webhook", "x",
];
const ALIAS = { "alert-triangle": "triangle-alert" };
const symbols = NAMES.map((name) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${ALIAS[name] ?? name}.svg`, "utf8");
  const inner = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/<svg[\s\S]*?>/, "").replace("</svg>", "").replace(/\s*\n\s*/g, "").trim();
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
});
writeFileSync("static/img/icons.svg",
  `<!-- Icons: Lucide (lucide.dev), ISC licence; see icons-LICENSE.txt. Built by assets/build-icons.mjs. -->\n<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`);
writeFileSync("static/img/icons-LICENSE.txt", readFileSync("node_modules/lucide-static/LICENSE", "utf8"));

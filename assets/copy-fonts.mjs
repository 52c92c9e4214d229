// Copies the woff2 files the style sheet names, with their licence texts, out of the font packages.
import { copyFileSync, mkdirSync } from "node:fs";

const target = "static/fonts";
mkdirSync(target, { recursive: true });
const sans = "node_modules/@fontsource-variable/ibm-plex-sans";
const mono = "node_modules/@fontsource/ibm-plex-mono";
for (const [from, to] of [
  [`${sans}/files/ibm-plex-sans-latin-wght-normal.woff2`, "ibm-plex-sans-latin-wght-normal.woff2"],
  [`${sans}/files/ibm-plex-sans-latin-ext-wght-normal.woff2`, "ibm-plex-sans-latin-ext-wght-normal.woff2"],
  [`${mono}/files/ibm-plex-mono-latin-400-normal.woff2`, "ibm-plex-mono-latin-400-normal.woff2"],
  [`${sans}/LICENSE`, "OFL-ibm-plex-sans.txt"],
  [`${mono}/LICENSE`, "OFL-ibm-plex-mono.txt"],
]) copyFileSync(from, `${target}/${to}`);

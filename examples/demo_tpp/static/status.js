// Asks how the payment stands, waiting longer each time, and shows the page anew when something has changed.
"use strict";
const box = document.getElementById("payment");
const LONGEST_WAIT = 8000;
let wait = 700;
let asked = 0;

async function ask() {
  asked += 1;
  try {
    const response = await fetch(box.dataset.url, { headers: { Accept: "application/json" }, redirect: "error" });
    const now = await response.json();
    const changed = now.state !== box.dataset.state || now.transactionStatus !== box.dataset.status
      || String(now.notified) !== box.dataset.notified;
    if (changed) {
      window.location.reload();
      return;
    }
    // After the final word only the bank's own call is waited for, and not for long.
    if (now.final && asked >= 6) return;
  } catch (error) {
    if (asked > 20) return;
  }
  if (asked < 40) {
    wait = Math.min(wait * 1.4, LONGEST_WAIT);
    window.setTimeout(ask, wait);
  }
}

if (box) window.setTimeout(ask, wait);

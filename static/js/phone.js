// The sandbox's phone: asks for its own page in the background and puts in what is new. The header tells the server
// that nobody clicked, so that an open phone does not keep a session alive.
import { wireCopyButtons } from "./copy.js";

const list = document.getElementById("messages");
const SECONDS = 2;

async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { "X-Background": "1" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("messages");
      if (fresh && fresh.dataset.newest !== list.dataset.newest) {
        list.replaceChildren(...fresh.children);
        list.dataset.newest = fresh.dataset.newest;
        wireCopyButtons(list);
      }
    }
  } catch {
    // The network is away for a moment: ask again later.
  }
  setTimeout(refresh, SECONDS * 1000);
}

setTimeout(refresh, SECONDS * 1000);

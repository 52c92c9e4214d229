// <div data-poll="/url/" data-poll-seconds="2">: asks in the background until the JSON says {"done": true}, then reloads.
// The header tells the server that nobody clicked, so that waiting does not keep a session alive.
// A form with data-submit-now is sent at once: its answer is there already.
// A bar inside is moved to the answer's "percent".
function shown(element, answer) {
  const bar = element.querySelector("progress");
  if (bar && Number.isFinite(answer.percent)) { bar.value = answer.percent; }
  return answer;
}

export function wirePolling(root) {
  for (const form of root.querySelectorAll("form[data-submit-now]")) form.requestSubmit();
  for (const element of root.querySelectorAll("[data-poll]")) {
    const seconds = Number(element.dataset.pollSeconds ?? 2);
    const ask = async () => {
      try {
        const answer = await fetch(element.dataset.poll, { headers: { "X-Background": "1", Accept: "application/json" } });
        if (answer.status === 401 || (answer.ok && shown(element, await answer.json()).done)) { location.reload(); return; }
      } catch {
        // The network is away for a moment: ask again later.
      }
      setTimeout(ask, seconds * 1000);
    };
    setTimeout(ask, seconds * 1000);
  }
}

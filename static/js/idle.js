// One minute before the session ends for want of action, ask whether somebody is still there (WCAG 2.2.1).
// Another tab may have extended the session, so the server is asked first, in the background (which extends nothing).
const dialog = document.getElementById("idle-dialog");
const warningSeconds = Number(dialog.dataset.idleWarningSeconds);

async function secondsLeft() {
  const answer = await fetch(dialog.dataset.idleUrl, { headers: { "X-Background": "1", Accept: "application/json" } });
  return answer.status === 401 ? 0 : (await answer.json()).remaining_seconds;
}

async function check() {
  let left;
  try {
    left = await secondsLeft();
  } catch {
    setTimeout(check, 5000); // No network: what is shown stays, the server will not answer anyway.
    return;
  }
  if (left <= 0) {
    location.reload(); // The server answers with the sign-in page; nothing of the account stays on the screen.
  } else if (left <= warningSeconds) {
    if (!dialog.open) dialog.showModal();
    setTimeout(check, (left + 1) * 1000);
  } else {
    if (dialog.open) dialog.close();
    setTimeout(check, (left - warningSeconds) * 1000);
  }
}

dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
  if (answer.ok) dialog.close(); else location.reload();
});

setTimeout(check, Math.max(0, Number(dialog.dataset.idleSeconds) - warningSeconds) * 1000);

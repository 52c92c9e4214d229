// <form data-submit-once>: a second click on the way does nothing. The server is safe against it anyway.
export function wireSubmitOnce(root) {
  for (const form of root.querySelectorAll("form[data-submit-once]")) {
    let isSent = false;
    form.addEventListener("submit", (event) => {
      if (isSent) { event.preventDefault(); return; }
      isSent = true;
      for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
    });
    // Coming back through the browser's history shows the form as it was: it may be sent again.
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      isSent = false;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    });
  }
}

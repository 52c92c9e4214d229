// <span data-countdown="300">: counts whole seconds from page load down to 0:00. The server sends seconds, not a date,
// because the bank's clock may differ from the visitor's. At the end it shows data-countdown-over, if given.
export function wireCountdowns(root) {
  for (const element of root.querySelectorAll("[data-countdown]")) {
    const end = performance.now() + Number(element.dataset.countdown) * 1000;
    const tick = () => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left > 0) { setTimeout(tick, 1000); return; }
      if (element.dataset.countdownOver) element.textContent = element.dataset.countdownOver;
    };
    tick();
  }
}

// Buttons with data-copy="<id>": copy the text of that element and say so where the label was.
export function wireCopyButtons(root) {
  if (!navigator.clipboard) return; // Needs https or localhost; elsewhere the buttons stay hidden.
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    const label = button.querySelector("[aria-live]") ?? button;
    const words = label.textContent;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      await navigator.clipboard.writeText(source.textContent);
      label.textContent = button.dataset.copied;
      setTimeout(() => { label.textContent = words; }, 2000);
    });
  }
}

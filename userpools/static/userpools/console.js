// Copy buttons: one listener for the page, so that rows loaded later work too.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without a secure context there is no clipboard: select the text for the keyboard instead.
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  const icon = button.querySelector(".material-symbols-outlined");
  button.classList.add("is-done");
  icon.textContent = "check";
  setTimeout(() => {
    button.classList.remove("is-done");
    icon.textContent = "content_copy";
  }, 1500);
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  for (const button of form.querySelectorAll("button[type=submit]")) button.disabled = true;
});

// An act on many goes on with its next batch by itself; without this, its button does.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("form[data-continue]")?.requestSubmit();
});

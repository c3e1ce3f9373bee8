(() => {
  "use strict";
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copies), selection = getSelection();
      selection.selectAllChildren(text);
      let done = document.execCommand("copy");
      if (!done) done = await navigator.clipboard?.writeText(selection.toString()).then(() => true, () => false);
      button.textContent = done ? "Copied" : "Selected: copy it with Ctrl+C";
    });
  }
})();

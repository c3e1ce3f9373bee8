/* Sorts and filters the table of cases. */
"use strict";
const table = document.getElementById("cases"), filter = document.getElementById("filter");
if (table) {
  const rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
  const value = (row, i) => row.cells[i].dataset.value ?? row.cells[i].textContent;
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = head.classList.contains("number"), sign = down ? -1 : 1;
      rows.sort((a, b) => {
        const x = value(a, i), y = value(b, i);
        if (!numeric) return sign * x.localeCompare(y);
        return (x === "") - (y === "") || sign * (x - y);
      });
      table.tBodies[0].append(...rows);
    });
  });
  document.querySelectorAll(".script").forEach(part => { part.style.display = "block"; });
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    rows.forEach(row => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
    });
  });
}

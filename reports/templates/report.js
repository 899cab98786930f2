// Sorts tables by their heads and enlarges pictures. The page is whole without it.
(() => {
  "use strict";
  document.documentElement.classList.add("js");

  const value = (row, column) => {
    const cell = row.cells[column];
    const text = (cell.dataset.value ?? cell.textContent).trim().replace(/^–$/, "");
    return text === "" || Number.isNaN(Number(text)) ? text.toLowerCase() : Number(text);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  const sort = (table, head, column) => {
    const first = head.dataset.sort === "down" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keyed = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // what is missing comes last either way
      return sign * compare(a, b);
    });
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }

  const groups = ".samples, .examples, .pairs, .pair, .twins";
  const pictures = [...document.querySelectorAll("img.thumb, .look .pair img")];
  if (!pictures.length || typeof HTMLDialogElement !== "function") return;
  const dialog = document.createElement("dialog");
  dialog.className = "zoom";
  const large = document.createElement("img");
  const words = document.createElement("p");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  dialog.setAttribute("aria-label", "Enlarged picture");
  words.setAttribute("aria-live", "polite");
  dialog.append(words, close);
  document.body.append(dialog);
  let current = 0;
  const show = (position) => {
    current = (position + pictures.length) % pictures.length;
    const picture = pictures[current];
    large.src = picture.src;
    large.alt = picture.alt;
    large.className = picture.classList.contains("tiny") ? "tiny" : "";
    words.textContent = picture.alt;
    dialog.prepend(large);
    if (!dialog.open) dialog.showModal();
  };
  const reached = new Set(); // one stop for the Tab key per group; the arrows go on from there
  pictures.forEach((picture, position) => {
    const group = picture.closest(groups) ?? picture;
    if (!reached.has(group)) {
      reached.add(group);
      picture.tabIndex = 0;
      picture.setAttribute("role", "button");
      picture.setAttribute("aria-haspopup", "dialog");
    }
    picture.addEventListener("click", () => show(position));
    picture.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show(position);
    });
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(current + 1);
    if (event.key === "ArrowLeft") show(current - 1);
  });
  dialog.addEventListener("close", () => pictures[current].focus());
})();

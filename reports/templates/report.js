// Sorts tables, enlarges pictures, names cells, marks the section being read. The page is whole without it.
(() => {
  "use strict";
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
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
  const order = (table, column, direction) => {
    const head = table.tHead.rows[0].cells[column];
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // what is missing comes last either way
      return sign * compare(a, b);
    });
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  };
  const natural = (head) => (head.dataset.sort === "down" ? "descending" : "ascending");
  for (const table of all("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const first = natural(head);
        const other = first === "ascending" ? "descending" : "ascending";
        order(table, column, head.getAttribute("aria-sort") === first ? other : first);
      });
      head.append(button);
    });
  }
  for (const table of all("table.scores.sortable")) { // on a phone its rows are cards, and its head a list
    const label = document.createElement("label");
    const list = document.createElement("select");
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.dataset.sort || head.classList.contains("rank")) return;
      const way = natural(head) === "descending" ? "highest first" : "lowest first";
      const choice = new Option(`${head.textContent}, ${column === 1 ? "A to Z" : way}`, column);
      choice.selected = head.hasAttribute("aria-sort");
      list.append(choice);
    });
    list.addEventListener("change", () => order(table, Number(list.value), natural(table.tHead.rows[0].cells[list.value])));
    label.className = "sorter";
    label.append("Sort by ", list);
    table.closest(".scroll").before(label);
  }

  for (const box of all(".scroll")) { // fade the side on which there is more to see
    const look = () => {
      box.classList.toggle("more-right", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
      box.classList.toggle("more-left", box.scrollLeft > 2 && !box.querySelector("tbody th"));
    };
    box.addEventListener("scroll", look, { passive: true });
    if (typeof ResizeObserver === "function") new ResizeObserver(look).observe(box);
    look();
  }

  for (const figure of all(".matrix")) { // what pointing shows, for fingers
    figure.querySelector("svg:not(.mark)").addEventListener("click", (event) => {
      const cell = event.target.parentNode.localName === "g" ? event.target : null;
      const title = cell?.querySelector("title") ?? cell?.parentNode.querySelector(":scope > title");
      figure.querySelector(".cellname").textContent = title ? title.textContent : "";
    });
  }

  const links = new Map(all("nav.contents a").map((link) => [link.hash.slice(1), link]));
  if (links.size && typeof IntersectionObserver === "function") {
    const watch = new IntersectionObserver(
      (seen) => {
        const now = seen.find((one) => one.isIntersecting);
        if (!now) return;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(now.target.id).setAttribute("aria-current", "true");
      },
      { rootMargin: "-10% 0px -80% 0px" },
    );
    for (const section of all("section[id]")) if (links.has(section.id)) watch.observe(section);
  }

  const folded = [];
  addEventListener("beforeprint", () => {
    folded.push(...all("details:not([open])"));
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded.splice(0)) one.open = false;
  });

  const groups = ".samples, .examples, .pairs, .pair, .twins";
  const pictures = all("img.thumb, .look .pair img");
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
    const tiny = picture.classList.contains("tiny");
    large.src = picture.src;
    large.alt = picture.alt;
    large.className = tiny ? "tiny" : "";
    large.style.width = `${picture.getAttribute("width") * (tiny ? 10 : 3)}px`; // larger would be a blur
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

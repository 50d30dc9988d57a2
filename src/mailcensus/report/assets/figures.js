// Figures: the value of a mark under the pointer, under a finger, or reached by arrow keys, in words below the figure.
// Marks that have something to tell are groups of the class "told" with a title. Maps have a script of their own.
"use strict";

(() => {
  const setUp = (figure, svg) => {
    const marks = [...svg.querySelectorAll("g.told")];
    if (!marks.length) return;
    const said = document.createElement("p");
    said.className = "figure-said";
    said.setAttribute("role", "status");
    const hint = "Point at a mark, or press arrow keys here, to read its value.";
    const texts = marks.map((mark) => mark.querySelector("title").textContent);
    let at = -1;

    const read = (place) => {
      marks[at]?.classList.remove("picked-mark");
      at = place;
      marks[at]?.classList.add("picked-mark");
      said.textContent = at < 0 ? hint : texts[at];
    };
    const steps = {
      ArrowRight: () => Math.min(at + 1, marks.length - 1),
      ArrowDown: () => Math.min(at + 1, marks.length - 1),
      ArrowLeft: () => Math.max(at - 1, 0),
      ArrowUp: () => Math.max(at - 1, 0),
      Home: () => 0,
      End: () => marks.length - 1,
      Escape: () => -1,
    };

    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "group");
    const caption = figure.querySelector("figcaption span")?.textContent ?? "Figure";
    svg.setAttribute("aria-label", `${caption} ${marks.length} values; arrow keys read them.`);
    svg.addEventListener("keydown", (event) => {
      if (!steps[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      read(steps[event.key]());
    });
    for (const kind of ["pointerover", "click"]) {
      svg.addEventListener(kind, (event) => {
        const mark = event.target.closest("g.told");
        if (mark) read(marks.indexOf(mark));
      });
    }
    svg.after(said);
    read(-1);
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("figure")) {
      const svg = figure.querySelector("svg");
      if (svg && !svg.querySelector('[id$="-map"]')) setUp(figure, svg);
    }
  });
})();

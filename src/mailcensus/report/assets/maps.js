// Maps: zoom, move, hide kinds, read a dot. A map is a figure of matplotlib's whose land has an id that ends in -map;
// each dot is a group with its kind and its words. Without this script the map is a picture with words on its dots.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MOST = 64; // a city fills the map
  const STEP = 1.6;

  const button = (label, words, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.setAttribute("aria-label", words);
    made.addEventListener("click", act);
    return made;
  };

  const setUp = (svg) => {
    const axes = svg.querySelector('[id$="axes_1"]');
    const frame = svg.querySelector("clipPath rect");
    if (!axes || !frame) return;
    const box = Object.fromEntries(["x", "y", "width", "height"].map((name) => [name, Number(frame.getAttribute(name))]));
    const window = document.createElementNS(SVG, "g"); // what lies beyond the frame is cut, the legend is not
    window.setAttribute("clip-path", `url(#${frame.parentNode.id})`);
    axes.before(window);
    window.append(axes);
    const dots = [...axes.querySelectorAll("g.told[data-group]")];
    const marks = dots.flatMap((dot) => [...dot.querySelectorAll("use")]);
    const view = { scale: 1, x: 0, y: 0 };

    const show = () => {
      view.scale = Math.min(MOST, Math.max(1, view.scale));
      const least = (from, length) => (from + length) * (1 - view.scale);
      const most = (from) => from * (1 - view.scale);
      view.x = Math.min(most(box.x), Math.max(least(box.x, box.width), view.x));
      view.y = Math.min(most(box.y), Math.max(least(box.y, box.height), view.y));
      axes.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
      const shrunk = view.scale ** -0.8; // dots grow slower than the land, so that they come apart
      for (const mark of marks) {
        const x = Number(mark.getAttribute("x"));
        const y = Number(mark.getAttribute("y"));
        mark.setAttribute("transform", `translate(${x} ${y}) scale(${shrunk}) translate(${-x} ${-y})`);
      }
    };
    const zoom = (factor, x = box.x + box.width / 2, y = box.y + box.height / 2) => {
      const scale = Math.min(MOST, Math.max(1, view.scale * factor));
      view.x = x - ((x - view.x) * scale) / view.scale;
      view.y = y - ((y - view.y) * scale) / view.scale;
      view.scale = scale;
      show();
    };
    const move = (x, y) => {
      view.x += x;
      view.y += y;
      show();
    };
    const whole = () => {
      Object.assign(view, { scale: 1, x: 0, y: 0 });
      show();
    };
    const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());

    const said = document.createElement("p");
    said.className = "map-said";
    said.setAttribute("role", "status");
    const tools = document.createElement("div");
    tools.className = "map-tools";
    tools.append(
      button("+", "Zoom in", () => zoom(STEP)),
      button("−", "Zoom out", () => zoom(1 / STEP)),
      button("Whole map", "Show the whole map", whole),
    );
    const legend = [...svg.querySelectorAll("text")].map((text) => text.textContent);
    const rank = (kind) => legend.findIndex((text) => text.startsWith(kind.slice(0, 20)));
    const kinds = [...new Set(dots.map((dot) => dot.dataset.group))];
    for (const kind of kinds.sort((one, other) => rank(one) - rank(other))) {
      const label = document.createElement("label");
      const shown = document.createElement("input");
      shown.type = "checkbox";
      shown.checked = true;
      shown.addEventListener("change", () => {
        for (const dot of dots) if (dot.dataset.group === kind) dot.style.display = shown.checked ? "" : "none";
      });
      label.append(shown, ` ${kind}`);
      tools.append(label);
    }
    svg.before(tools);
    svg.after(said);

    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Map. Plus and minus zoom, arrow keys move, 0 shows the whole map.");
    svg.classList.add("map");
    const keys = {
      "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: whole,
      ArrowLeft: () => move(40, 0), ArrowRight: () => move(-40, 0), ArrowUp: () => move(0, 40), ArrowDown: () => move(0, -40),
    };
    svg.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // a page that scrolls goes on scrolling
      event.preventDefault();
      const { x, y } = place(event);
      zoom(event.deltaY < 0 ? STEP : 1 / STEP, x, y);
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => {
      const { x, y } = place(event);
      zoom(STEP, x, y);
    });
    let grabbed = null;
    svg.addEventListener("pointerdown", (event) => {
      grabbed = place(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!grabbed || !(event.buttons & 1)) return;
      const now = place(event);
      move(now.x - grabbed.x, now.y - grabbed.y);
      grabbed = now;
    });
    svg.addEventListener("click", (event) => {
      const dot = event.target.closest("g.told[data-group]");
      if (dot) said.textContent = dot.querySelector("title").textContent;
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const land of document.querySelectorAll('figure svg [id$="-map"]')) setUp(land.closest("svg"));
  });
})();

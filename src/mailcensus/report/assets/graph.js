// The drawing of one cluster. Positions were computed when the report was made; this file shows them, lets a reader
// pick a host, key or line, and shows what is known about it. All text goes in as text, never as HTML.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const data = JSON.parse(document.getElementById("graph-data").textContent);
  const canvas = document.getElementById("canvas");
  const picked = document.getElementById("picked");
  const LISTED_MAX = 60;
  const CURVES_MAX = 2000; // above this, lines are straight and cheap
  const hiddenPairs = { keys: new Set(), hosts: new Set() };
  let view = "keys";

  const number = (n) => n.toLocaleString("en");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const nodeOf = ([kind, members, x, y, size, label, serious], i) => ({
    group: "nodes",
    data: { id: `n${i}`, kind, members, label, size, serious: serious ? 1 : 0 },
    position: { x, y },
  });
  const edgeOf = ([one, other, pair, weight, keys], i) => ({
    group: "edges",
    data: {
      id: `e${i}`, source: `n${one}`, target: `n${other}`, pair, weight, keys,
      colour: data.pairs[pair].colour,
      width: 1.6 + Math.log10(weight),
    },
  });
  const elementsOf = (name) => data.views[name].nodes.map(nodeOf).concat(data.views[name].edges.map(edgeOf));

  const styleOf = (name) => {
    const many = data.views[name].edges.length > CURVES_MAX;
    const dashes = data.pairs.map((pair, i) => [pair.dash, i]).filter(([dash]) => dash.length);
    return [
      { selector: "node", style: {
        width: "data(size)", height: "data(size)", label: "data(label)", "background-color": colour("--host"),
        "border-width": 1.5, "border-color": colour("--sheet"),
        color: colour("--soft"), "font-size": 10, "font-family": "monospace",
        "text-valign": "bottom", "text-margin-y": 5, "min-zoomed-font-size": 8,
        "text-background-color": colour("--sheet"), "text-background-opacity": 0.75, "text-background-padding": 1,
      } },
      { selector: 'node[kind = "role"]', style: {
        "text-valign": "center", "text-margin-y": 0, color: colour("--sheet"), "font-size": 13, "font-weight": 600,
        "text-background-opacity": 0,
      } },
      { selector: 'node[kind = "key"]', style: {
        shape: "diamond", "background-color": colour("--key"), "font-size": 14, "font-weight": 600, color: colour("--ink"),
        "min-zoomed-font-size": 6,
      } },
      { selector: "node[serious = 1]", style: { "background-color": colour("--serious") } },
      { selector: "edge", style: {
        width: "data(width)", "line-color": "data(colour)", "line-opacity": data.views[name].edges.length > 400 ? 0.45 : 0.85,
        "curve-style": many ? "haystack" : "bezier", "haystack-radius": 0.4, "control-point-step-size": 16,
        "loop-sweep": "26deg",
      } },
      { selector: "edge:loop", style: {
        "control-point-step-size": (edge) => edge.source().data("size") * 0.55 + 14,
      } },
      ...dashes.map(([dash, i]) => ({
        selector: `edge[pair = ${i}]`, style: { "line-style": "dashed", "line-dash-pattern": dash },
      })),
      { selector: ".unlike", style: { opacity: 0.12 } },
      { selector: "node:selected", style: { "border-width": 4, "border-color": colour("--accent") } },
      { selector: "edge:selected", style: { "line-opacity": 1, "underlay-color": colour("--accent"), "underlay-opacity": 0.35, "underlay-padding": 4 } },
      { selector: ".hidden", style: { display: "none" } },
    ];
  };

  const cy = cytoscape({
    container: canvas,
    elements: elementsOf(view),
    style: styleOf(view),
    layout: { name: "preset", fit: true, padding: 36 },
    minZoom: 0.03,
    maxZoom: 4,
    boxSelectionEnabled: false,
    selectionType: "single",
    pixelRatio: "auto",
    hideEdgesOnViewport: data.views.keys.edges.length > 4000,
  });
  // A drawing of two hosts need not fill the screen.
  const fit = () => {
    cy.fit(undefined, 44);
    if (cy.zoom() > 1.4) {
      cy.zoom(1.4);
      cy.center();
    }
  };
  fit();

  // -- evidence ----------------------------------------------------------------------------------------------------

  const make = (tag, className, ...children) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const fact = (list, label, ...values) => {
    const shown = values.filter(Boolean);
    if (!shown.length) return;
    list.append(make("dt", "", label), ...shown.map((value) => make("dd", "", value)));
  };
  const finder = (table, words, text) => {
    const button = make("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => window.mailcensusFind(table, words));
    return button;
  };
  const keyNames = (keys) => keys.map((key) => data.keys[key].label).join(", ");

  const showHost = (host) => {
    const list = make("dl", "");
    fact(list, "Names in its certificates", host.names.join(", "));
    host.services.forEach((service) => {
      const keys = service.keys.length ? `shows ${keyNames(service.keys)}` : "";
      fact(list, `${service.name} ${service.port}`, service.said, [service.tls, service.software].filter(Boolean).join(" · "), keys);
    });
    return [make("p", "title", host.ip), list, make("p", "", finder("hosts", host.ip, "Show in the table"))];
  };
  const showRole = (members) => {
    const listed = members.slice(0, LISTED_MAX).map((member) => make("li", "mono", data.hosts[member].ip));
    const rest = members.length - listed.length;
    return [
      make("p", "title", `${number(members.length)} hosts that show the same keys on the same services`),
      make("ul", "legend", ...listed),
      rest ? make("p", "hint", `and ${number(rest)} more in the table below`) : null,
    ];
  };
  const showKey = (key) => {
    const list = make("dl", "");
    fact(list, "Kind", key.kind);
    fact(list, "Shown by", `${number(key.hosts)} hosts, on ${key.services.join(", ")}`);
    fact(list, "Canonical key (SPKI SHA-256)", key.spki);
    fact(list, "SSH fingerprint", ...key.ssh);
    fact(list, "Certificate SHA-256", ...key.certificates);
    const warning = key.serious ? make("p", "", make("span", "tag serious", "shown by SSH and by TLS")) : null;
    return [make("p", "title", key.label), warning, list, make("p", "", finder("keys", key.spki, "Show in the table"))];
  };
  const ends = (edge) => [edge.source(), edge.target()].map((node) => node.data("label") || describe(node));
  const describe = (node) => {
    const { kind, members } = node.data();
    return kind === "key" ? data.keys[members[0]].label : members.length === 1 ? data.hosts[members[0]].ip : `${number(members.length)} hosts`;
  };
  const showEdge = (edge) => {
    const { pair, weight, keys } = edge.data();
    const list = make("dl", "");
    fact(list, "Between", ...ends(edge));
    fact(list, "Services", data.pairs[pair].label);
    fact(list, view === "keys" ? "Hosts" : "Pairs of hosts", number(weight));
    fact(list, "Keys", number(keys));
    return [make("p", "title", data.pairs[pair].label), list];
  };
  const evidenceOf = (element) => {
    if (element.isEdge()) return showEdge(element);
    const { kind, members } = element.data();
    if (kind === "key") return showKey(data.keys[members[0]]);
    return members.length === 1 ? showHost(data.hosts[members[0]]) : showRole(members);
  };

  const pick = (element) => {
    cy.elements(":selected").unselect();
    cy.elements().removeClass("unlike");
    if (!element) {
      picked.replaceChildren(make("p", "hint", "Nothing picked."));
      return;
    }
    element.select();
    const near = element.isEdge() ? element.connectedNodes().union(element) : element.closedNeighborhood();
    cy.elements().not(near).addClass("unlike");
    picked.replaceChildren(...evidenceOf(element).filter(Boolean));
  };
  cy.on("tap", "node, edge", (event) => pick(event.target));
  cy.on("tap", (event) => {
    if (event.target === cy) pick(null);
  });

  // -- views, legend, zoom, keyboard -------------------------------------------------------------------------------

  const applyHidden = () => {
    cy.edges().forEach((edge) => {
      edge.toggleClass("hidden", hiddenPairs[view].has(edge.data("pair")));
    });
  };
  const showView = (name) => {
    view = name;
    pick(null);
    cy.elements().remove();
    cy.style(styleOf(name));
    cy.add(elementsOf(name));
    fit();
    applyHidden();
    document.querySelectorAll("[data-view]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === name)));
    document.querySelectorAll("[data-legend]").forEach((legend) => { legend.hidden = legend.dataset.legend !== name; });
    document.querySelectorAll("[data-remark]").forEach((remark) => { remark.hidden = remark.dataset.remark !== name; });
  };
  document.querySelectorAll("[data-view]").forEach((button) => button.addEventListener("click", () => showView(button.dataset.view)));

  document.querySelectorAll("[data-legend]").forEach((legend) => {
    const hidden = hiddenPairs[legend.dataset.legend];
    legend.querySelectorAll("[data-pair]").forEach((button) =>
      button.addEventListener("click", () => {
        const pair = Number(button.dataset.pair);
        const isHidden = hidden.has(pair);
        if (isHidden) hidden.delete(pair);
        else hidden.add(pair);
        button.setAttribute("aria-pressed", String(isHidden));
        cy.edges().removeClass("unlike");
        applyHidden();
      }));
    // Pointing at a legend line sets all other lines back.
    const point = (event, on) => {
      const button = event.target.closest("[data-pair]");
      if (button) cy.edges(`[pair != ${button.dataset.pair}]`).toggleClass("unlike", on);
    };
    ["mouseover", "focusin"].forEach((name) => legend.addEventListener(name, (event) => point(event, true)));
    ["mouseout", "focusout"].forEach((name) => legend.addEventListener(name, (event) => point(event, false)));
  });

  const zoomBy = (factor) => cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  document.querySelectorAll("[data-zoom]").forEach((button) =>
    button.addEventListener("click", () => (button.dataset.zoom === "fit" ? fit() : zoomBy(Number(button.dataset.zoom)))));

  const step = (by) => {
    const nodes = cy.nodes();
    const now = nodes.toArray().findIndex((node) => node.selected());
    const next = nodes[(now + by + nodes.length) % nodes.length];
    pick(next);
    cy.center(next);
  };
  const keysPressed = {
    ArrowRight: () => step(1), ArrowDown: () => step(1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1),
    "+": () => zoomBy(1.3), "=": () => zoomBy(1.3), "-": () => zoomBy(0.77), 0: fit, Escape: () => pick(null),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keysPressed[event.key]) return;
    event.preventDefault();
    keysPressed[event.key]();
  });

  document.querySelector("[data-save]").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = cy.png({ full: true, scale: 2, bg: colour("--sheet"), maxWidth: 6000, maxHeight: 6000 });
    link.download = `${document.title.split(" · ")[0].toLowerCase().replace(" ", "-")}-${view}.png`;
    link.click();
  });

  document.addEventListener("themechange", () => cy.style(styleOf(view)));
  window.addEventListener("resize", () => cy.resize());
  window.mailcensusDrawing = cy;
});

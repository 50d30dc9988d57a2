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
  const filters = { service: "", as: "", reading: "" };
  const colourBy = document.querySelector("[data-colour-by]");
  let view = "keys";

  const number = (n) => n.toLocaleString("en");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // -- colours of hosts --------------------------------------------------------------------------------------------

  const OTHERS = data.colours.length - 1;
  const UNKNOWN = data.colours.length;
  // How many of these hosts have each colour, as [place in the palette, share]; most first.
  const sharesOf = (members) => {
    const group = colourBy && data.groups[colourBy.value];
    if (!group) return [];
    const counts = new Map();
    members.forEach((member) => {
      const place = group.members[member];
      const slot = place < 0 ? UNKNOWN : Math.min(place, OTHERS);
      counts.set(slot, (counts.get(slot) ?? 0) + 1);
    });
    return [...counts].sort((a, b) => b[1] - a[1]).map(([slot, count]) => [slot, count / members.length]);
  };
  const hueOf = (slot) => (slot === UNKNOWN ? colour("--sheet") : data.colours[slot]);
  const paint = (node) => {
    const { kind, members } = node.data();
    if (kind === "key") return;
    const shares = sharesOf(members);
    const [first] = shares;
    node.data({
      hue: first ? hueOf(first[0]) : colour("--host"),
      unknown: shares.length === 1 && first[0] === UNKNOWN ? 1 : 0,
      coloured: first ? 1 : 0,
      pie: shares.length > 1 ? 1 : 0,
      ...Object.fromEntries(SLICES.flatMap((i) => [
        [`hue${i}`, shares[i - 1] ? hueOf(shares[i - 1][0]) : "#000"], [`share${i}`, shares[i - 1] ? 100 * shares[i - 1][1] : 0],
      ])),
    });
  };
  const SLICES = Array.from({ length: UNKNOWN + 1 }, (_, i) => i + 1);
  const slicesOf = (node) => sharesOf(node.data("members")).map(([slot, share]) => [hueOf(slot), share]);

  const nodeOf = ([kind, members, x, y, size, label, serious], i) => ({
    group: "nodes",
    data: { id: `n${i}`, kind, members, label, size, serious: serious ? 1 : 0, hue: "#888" },
    position: { x, y },
  });
  const edgeOf = ([one, other, pair, weight, keys, readings], i) => ({
    group: "edges",
    data: {
      id: `e${i}`, source: `n${one}`, target: `n${other}`, pair, weight, keys, readings,
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
        width: "data(size)", height: "data(size)", label: "data(label)", "background-color": "data(hue)",
        "border-width": 1.5, "border-color": colour("--sheet"),
        color: colour("--soft"), "font-size": 10, "font-family": "monospace",
        "text-valign": "bottom", "text-margin-y": 5, "min-zoomed-font-size": 8,
        "text-background-color": colour("--sheet"), "text-background-opacity": 0.75, "text-background-padding": 1,
      } },
      { selector: "node[coloured = 1]", style: { "border-color": colour("--host") } },
      { selector: "node[unknown = 1]", style: { "background-opacity": 0, "border-style": "dashed" } },
      { selector: "node[pie = 1]", style: {
        "pie-size": "100%",
        ...Object.fromEntries(SLICES.flatMap((i) => [
          [`pie-${i}-background-color`, `data(hue${i})`], [`pie-${i}-background-size`, `data(share${i})`],
        ])),
      } },
      { selector: 'node[kind = "role"]', style: {
        "text-valign": "center", "text-margin-y": 0, color: colour("--sheet"), "font-size": 13, "font-weight": 600,
        "text-background-opacity": 0,
      } },
      { selector: 'node[kind = "role"][coloured = 1]', style: { color: "#1d1f24" } },
      { selector: 'node[kind = "role"][unknown = 1]', style: { color: colour("--ink") } },
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

  const cy = (window.mailcensusDrawing = cytoscape({
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
  }));
  cy.nodes().forEach(paint);
  // A drawing of two hosts need not fill the screen.
  const fit = () => {
    const left = cy.elements().filter((element) => !element.hasClass("hidden"));
    if (!left.length) return;
    cy.fit(left, 44);
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

  const why = (told) => {
    const said = (words, className) => make("li", className, words);
    return make("ul", "why",
      ...told.supports.map((words) => said(words, "")),
      ...told.doubts.map((words) => said(`not so, or not known: ${words}`, "doubt")));
  };
  const placeOf = (member) => {
    const { as, country } = data.groups;
    return [as, country].map(({ labels, members }) => labels[members[member]] ?? "");
  };
  const showCluster = () => [
    make("p", "title", `${data.reading.title}, ${data.reading.sureness}`),
    make("p", "", `${data.reading.meaning}.`),
    why(data.reading),
    make("p", "hint", "Pick a node or a line to see what is known of it."),
  ];
  const causesOf = (keys) => [...new Set(keys.map((key) => `${data.readings[data.keys[key].reading].title}, ${data.keys[key].sureness}`))];

  const showHost = (member) => {
    const host = data.hosts[member];
    const list = make("dl", "");
    const [system, country] = placeOf(member);
    fact(list, "AS", system);
    fact(list, "Country", country);
    fact(list, "Why it shares", ...causesOf([...new Set(host.services.flatMap((service) => service.keys))]));
    fact(list, "Names in its certificates", host.names.join(", "));
    host.services.forEach((service) => {
      const keys = service.keys.length ? `shows ${keyNames(service.keys)}` : "";
      fact(list, `${service.name} ${service.port}`, service.said, [service.tls, service.software].filter(Boolean).join(" · "), keys);
    });
    return [make("p", "title", host.ip), list, make("p", "", finder("hosts", host.ip, "Show in the table"))];
  };
  const mostOf = (members, { labels, members: placed }) => {
    const counts = new Map();
    members.forEach((member) => counts.set(placed[member], (counts.get(placed[member]) ?? 0) + 1));
    const most = [...counts].sort((a, b) => b[1] - a[1]);
    const named = most.slice(0, 5).map(([place, count]) => `${labels[place] ?? (place < 0 ? "not known" : "another")}: ${number(count)}`);
    return most.length > 5 ? [...named, `and ${number(most.length - 5)} more`] : named;
  };
  const showRole = (members) => {
    const list = make("dl", "");
    const known = (group) => (group.labels.length ? mostOf(members, group) : []);
    fact(list, "AS", ...known(data.groups.as));
    fact(list, "Country", ...known(data.groups.country));
    const listed = members.slice(0, LISTED_MAX).map((member) => make("li", "mono", data.hosts[member].ip));
    const rest = members.length - listed.length;
    return [
      make("p", "title", `${number(members.length)} hosts that show the same keys`),
      list,
      make("p", "", "One of them:"),
      ...showHost(members[0]),
      make("p", "", "All:"),
      make("ul", "legend", ...listed),
      rest ? make("p", "hint", `and ${number(rest)} more in the table below`) : null,
    ];
  };
  const showKey = (key) => {
    const list = make("dl", "");
    const reading = data.readings[key.reading];
    fact(list, "Why it is shared", `${reading.title}, ${key.sureness}: ${reading.meaning}`);
    list.append(make("dd", "", why(key)));
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
    fact(list, "Why", ...readingsOf(edge).map((i) => data.readings[i].title));
    return [make("p", "title", data.pairs[pair].label), list];
  };
  const evidenceOf = (element) => {
    if (element.isEdge()) return showEdge(element);
    const { kind, members } = element.data();
    if (kind === "key") return showKey(data.keys[members[0]]);
    return members.length === 1 ? showHost(members[0]) : showRole(members);
  };

  const pick = (element) => {
    cy.elements(":selected").unselect();
    cy.elements().removeClass("unlike");
    if (!element) {
      picked.replaceChildren(...showCluster());
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

  // A line stays while its services, one of its ends and one of its keys' readings are those chosen.
  const keyOf = (edge) => edge.target().data("members")[0];
  const readingsOf = (edge) =>
    view === "keys"
      ? [data.keys[keyOf(edge)].reading]
      : data.readings.map((_, i) => i).filter((i) => edge.data("readings") & (1 << i));
  const isOfSystem = (node) =>
    node.data("kind") !== "key" && node.data("members").some((member) => String(data.groups.as.members[member]) === filters.as);
  const passes = (edge) =>
    (!filters.service || data.pairs[edge.data("pair")].services.includes(filters.service)) &&
    (!filters.as || isOfSystem(edge.source()) || isOfSystem(edge.target())) &&
    (!filters.reading || readingsOf(edge).includes(Number(filters.reading)));
  const shown = document.querySelector("[data-shown]");
  const sayShown = () => {
    const left = cy.nodes().filter((node) => !node.hasClass("hidden"));
    const keys = left.filter('[kind = "key"]').length;
    const hosts = left.filter('[kind != "key"]').reduce((sum, node) => sum + node.data("members").length, 0);
    const words = [`${number(hosts)} of ${number(data.hosts.length)} hosts`];
    if (view === "keys") words.push(`${number(keys)} of ${number(data.keys.length)} keys`);
    const lines = cy.edges().filter((edge) => !edge.hasClass("hidden")).length;
    const groups = view === "keys" || Object.values(filters).some(Boolean);
    shown.textContent = `Drawn: ${words.join(" and ")}, ${number(lines)} lines.${
      groups && filters.as ? " A node for several hosts is drawn when one of them is in the AS." : ""}`;
  };
  const applyHidden = () => {
    const filtered = Object.values(filters).some(Boolean);
    cy.batch(() => {
      cy.edges().forEach((edge) => {
        edge.toggleClass("hidden", hiddenPairs[view].has(edge.data("pair")) || !passes(edge));
      });
      cy.nodes().forEach((node) => {
        node.toggleClass("hidden", filtered && !node.connectedEdges().some(passes));
      });
    });
    sayShown();
  };
  document.querySelectorAll("[data-filter]").forEach((select) =>
    select.addEventListener("change", () => {
      filters[select.dataset.filter] = select.value;
      pick(null);
      applyHidden();
      fit();
    }));
  colourBy?.addEventListener("change", () => {
    cy.batch(() => cy.nodes().forEach(paint));
    document.querySelectorAll("[data-colours]").forEach((legend) => { legend.hidden = legend.dataset.colours !== colourBy.value; });
  });
  const showView = (name) => {
    view = name;
    pick(null);
    cy.elements().remove();
    cy.style(styleOf(name));
    cy.add(elementsOf(name));
    cy.nodes().forEach(paint);
    applyHidden();
    fit();
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
    const nodes = cy.nodes().filter((node) => !node.hasClass("hidden"));
    if (!nodes.length) return;
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

  const saveBlob = (ending, blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${document.title.split(" · ")[0].toLowerCase().replace(" ", "-")}-${view}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  const savers = {
    png: async () => saveBlob("png", await cy.png({ full: true, scale: 2, bg: colour("--sheet"), maxWidth: 3200, maxHeight: 3200, output: "blob-promise" })),
    svg: () => {
      const text = window.mailcensusSvg(cy, { background: colour("--sheet"), ink: colour("--ink"), slicesOf });
      saveBlob("svg", new Blob([text], { type: "image/svg+xml" }));
    },
  };
  document.querySelectorAll("[data-save]").forEach((button) => button.addEventListener("click", savers[button.dataset.save]));

  document.addEventListener("themechange", () => {
    cy.style(styleOf(view));
    cy.nodes().forEach(paint);
  });
  window.addEventListener("resize", () => cy.resize());
  picked.replaceChildren(...showCluster());
  sayShown();
});

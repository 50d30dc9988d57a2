// A drawing as SVG text: what the canvas shows, with the places, colours and dashes that Cytoscape has worked out.
// Hidden nodes and lines are left out.
"use strict";

window.mailcensusSvg = (cy, { background, ink, slicesOf }) => {
  const round = (n) => Math.round(n * 10) / 10;
  const point = ({ x, y }) => `${round(x)} ${round(y)}`;
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const tag = (name, attributes, inner = "") => {
    const told = Object.entries(attributes).filter(([, value]) => value !== null && value !== undefined);
    return `<${name} ${told.map(([key, value]) => `${key}="${escaped(String(value))}"`).join(" ")}>${inner}</${name}>`;
  };
  const title = (text) => `<title>${escaped(text)}</title>`;

  // Quadratic curves through the middles between control points, as Cytoscape draws them.
  const pathOf = (edge) => {
    const from = edge.sourceEndpoint() ?? edge.source().position();
    const to = edge.targetEndpoint() ?? edge.target().position();
    const bends = edge.controlPoints();
    if (!bends || !bends.length) return `M${point(from)}L${point(to)}`;
    const ends = bends.map((bend, i) =>
      i === bends.length - 1 ? to : { x: (bend.x + bends[i + 1].x) / 2, y: (bend.y + bends[i + 1].y) / 2 });
    return `M${point(from)}${bends.map((bend, i) => `Q${point(bend)} ${point(ends[i])}`).join("")}`;
  };
  const line = (edge) => {
    const dashed = edge.style("line-style") === "dashed";
    return tag("path", {
      d: pathOf(edge), fill: "none", stroke: edge.data("colour"), "stroke-width": round(edge.numericStyle("width")),
      "stroke-opacity": edge.numericStyle("line-opacity"),
      "stroke-dasharray": dashed ? [].concat(edge.pstyle("line-dash-pattern").value).join(" ") : null,
    });
  };

  const slice = (centre, radius, from, to) => {
    const at = (share) => ({
      x: centre.x + radius * Math.sin(2 * Math.PI * share), y: centre.y - radius * Math.cos(2 * Math.PI * share),
    });
    return `M${point(centre)}L${point(at(from))}A${round(radius)} ${round(radius)} 0 ${to - from > 0.5 ? 1 : 0} 1 ${point(at(to))}Z`;
  };
  const shape = (node) => {
    const centre = node.position();
    const radius = node.width() / 2;
    const border = { stroke: node.style("border-color"), "stroke-width": node.numericStyle("border-width") };
    const fill = node.style("background-color");
    if (node.data("kind") === "key") {
      const corners = [[0, -radius], [radius, 0], [0, radius], [-radius, 0]];
      return tag("polygon", { points: corners.map(([x, y]) => `${round(centre.x + x)},${round(centre.y + y)}`).join(" "), fill, ...border });
    }
    const hollow = node.style("background-opacity") === "0" ? "none" : fill;
    const circle = { cx: round(centre.x), cy: round(centre.y), r: round(radius) };
    const slices = slicesOf(node);
    if (slices.length < 2) return tag("circle", { ...circle, fill: hollow, ...border });
    let from = 0;
    const pie = slices.map(([colour, share]) => {
      const drawn = tag("path", { d: slice(centre, radius, from, from + share), fill: colour });
      from += share;
      return drawn;
    });
    return pie.join("") + tag("circle", { ...circle, fill: "none", ...border });
  };
  const label = (node) => {
    const text = node.data("label");
    if (!text) return "";
    const size = node.numericStyle("font-size");
    const below = node.data("kind") === "role" ? size * 0.35 : node.height() / 2 + size + 3;
    return tag("text", {
      x: round(node.position().x), y: round(node.position().y + below), "font-size": size,
      "font-weight": node.style("font-weight"), fill: node.style("color"), "text-anchor": "middle",
    }, escaped(text));
  };

  const edges = cy.edges().filter((edge) => edge.visible());
  const nodes = cy.nodes().filter((node) => node.visible());
  const box = nodes.union(edges).boundingBox();
  const [x, y, w, h] = [box.x1 - 12, box.y1 - 12, box.w + 24, box.h + 24].map(round);
  const parts = [
    tag("rect", { x, y, width: w, height: h, fill: background }),
    ...edges.map(line),
    ...nodes.map((node) => tag("g", {}, title(node.data("label") || node.data("about") || "") + shape(node) + label(node))),
  ];
  const head = `xmlns="http://www.w3.org/2000/svg" viewBox="${x} ${y} ${w} ${h}" width="${w}" height="${h}" font-family="monospace" color="${ink}"`;
  return `<svg ${head}>${parts.join("\n")}</svg>\n`;
};

// One shape for each status, so that no status is told by colour alone.

import { svg } from "./dom.js";

const PATHS = {
  check: "M3.6 8.6l2.9 2.9 6-6.6",
  cross: "M4.6 4.6l6.8 6.8M11.4 4.6l-6.8 6.8",
  bang: "M8 3.6v5.2M8 12.1v.1",
  turning: "M8 2.6a5.4 5.4 0 1 1-5.4 5.4",
  clock: "M8 4v4.2l2.7 1.6",
  slash: "M4.4 11.6l7.2-7.2",
  dash: "M4.5 8h7",
  arrow: "M3.8 8h8M8.6 4.7l3.3 3.3-3.3 3.3",
  dot: "M8 8v.01",
};

/// The named shape, hidden from screen readers: the word stands beside it.
export function icon(name) {
  const node = svg("svg", { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true", focusable: "false" });
  node.append(svg("path", { d: PATHS[name] ?? PATHS.dot }));
  return node;
}

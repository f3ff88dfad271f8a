// Building and patching nodes. Nothing here, or anywhere else in the page, parses text as HTML: what comes from the
// server becomes text nodes and attribute values, never markup.

const SVG = "http://www.w3.org/2000/svg";

/// Makes an element. `props` takes `class`, `text`, `on` (a table of listeners) and attributes; `false`, `null` and
/// `undefined` leave an attribute out. Children are nodes or strings.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [kind, run] of Object.entries(value)) node.addEventListener(kind, run);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/// Makes an SVG element with attributes.
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/// Sets the text of a node, and touches the document only if it differs.
export function setText(node, text) {
  const value = text ?? "";
  if (node.textContent !== value) node.textContent = value;
}

/// Sets or (with null or false) removes an attribute, and touches the document only if it differs.
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/// Replaces the children of a node when `key` differs from the key of the last call: for parts that change rarely and
/// as a whole.
export function rebuild(node, key, make) {
  if (node.builtFor === key) return;
  node.builtFor = key;
  node.replaceChildren(...[make()].flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/// An absolute http(s) address from the server, or null: `javascript:` and friends never become a link.
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

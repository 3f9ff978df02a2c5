/** Building elements. Words become text nodes: nothing is ever parsed as HTML. */

type Value = string | boolean | ((event: never) => void) | undefined;

/**
 * Makes an element. Properties that begin with "on" are listeners, the others
 * attributes; true is an empty attribute, false and undefined are none.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Record<string, Value> = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** Sets, or with false and undefined takes away, an attribute, if it is not so already. */
export function setAttribute(element: Element, name: string, value: string | boolean | undefined): void {
  if (value === false || value === undefined) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? '' : value;
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Sets the text of an element, if it is another one. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

/** A new id within the shadow tree. */
export function newID(): string {
  return `s${++ids}`;
}

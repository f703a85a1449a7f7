/** The element of the page with this id. */
export const find = id => document.getElementById(id)

/** A new element with attributes and content; text stays text. */
export function create (name, attributes = {}, ...content) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value)
  element.append(...content)
  return element
}

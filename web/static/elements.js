// Elements of the page.

/**
 * The element with this id. Of what kind it is, the page's template says.
 * @param {string} id
 * @returns {any}
 */
export function at(id) {
  return document.getElementById(id);
}

/**
 * All elements that fit the selector, in the order of the document.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any[]}
 */
export function all(selector, within = document) {
  return [...within.querySelectorAll(selector)];
}

/**
 * What the head of the page says under this name; "" where it says nothing.
 * @param {string} name
 */
export function meta(name) {
  return /** @type {HTMLMetaElement | null} */ (document.querySelector(`meta[name="${name}"]`))?.content ?? "";
}

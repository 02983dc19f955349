// What was pressed.

// The Latin letter of a key, where the keyboard writes another script too.
export function letterOfKey(event) {
  return (/^[a-z]$/i.test(event.key) ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
}

// U, or what undoes everywhere else.
export function isUndo(event) {
  const isUndoing = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  return letterOfKey(event) === (isUndoing ? "z" : "u") && (isUndoing || !withModifier(event));
}

export function withModifier(event) {
  return event.ctrlKey || event.altKey || event.metaKey;
}

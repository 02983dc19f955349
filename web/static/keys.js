// What was pressed.

// The Latin letter of a key, where the keyboard writes another script too.
export function letterOfKey(event) {
  return (/^[a-z]$/i.test(event.key) ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
}

export function withModifier(event) {
  return event.ctrlKey || event.altKey || event.metaKey;
}

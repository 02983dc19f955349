// Who this tab is to the service: a name of its own, and the same one after a reload.

const KEY = "digitmill-reviewer";

// While the page is open the name is not in the storage, which a duplicated tab would get a copy of.
export const reviewer = takeOut() ?? newName();

window.addEventListener("pagehide", () => sessionStorage.setItem(KEY, reviewer));
window.addEventListener("pageshow", () => sessionStorage.removeItem(KEY));

function takeOut() {
  const name = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return name;
}

function newName() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

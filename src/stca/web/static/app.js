// What every page does: colours, motion, menu, messages, the dialog, keys.

const root = document.documentElement;
const body = document.body;

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Nothing is kept; the page works all the same.
  }
}

function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function say(words) {
  document.getElementById("said").textContent = words;
}

// ---- light and dark ----

const themeButton = document.getElementById("theme");
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
}

function showTheme() {
  themeButton.setAttribute("aria-pressed", String(isDark()));
}

themeButton.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  remember("stca-theme", root.dataset.theme);
  showTheme();
});
systemDark.addEventListener("change", showTheme);
showTheme();

// ---- pictures that play ----

const motionButton = document.getElementById("motion");
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
let paused = recall("stca-motion") ? recall("stca-motion") === "paused" : reduced.matches;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.dataset.seen = entry.isIntersecting ? "yes" : "";
    setPlaying(entry.target);
  }
}, { rootMargin: "100px" });

function setPlaying(image) {
  const wanted = image.dataset.plays === "hover" ? image.dataset.near : image.dataset.seen;
  const address = wanted && !paused && !image.dataset.broken ? image.dataset.play : image.dataset.still;
  if (image.dataset.seen !== undefined && image.getAttribute("src") !== address) image.src = address;
}

function watch(part) {
  const found = part.matches?.("img[data-play]") ? [part] : part.querySelectorAll?.("img[data-play]") ?? [];
  for (const image of found) watcher.observe(image);
}

function near(event, value) {
  const place = event.target.closest?.(".tile, .entry-pictures a");
  if (!place || (value === "" && place.contains(event.relatedTarget))) return;
  for (const image of place.querySelectorAll("img[data-plays='hover']")) {
    image.dataset.near = value;
    setPlaying(image);
  }
}

for (const name of ["pointerover", "focusin"]) document.addEventListener(name, (event) => near(event, "yes"));
for (const name of ["pointerout", "focusout"]) document.addEventListener(name, (event) => near(event, ""));

function setPaused(value) {
  paused = value;
  remember("stca-motion", paused ? "paused" : "playing");
  showMotion();
  say(paused ? body.dataset.pausedText : body.dataset.playingText);
  document.dispatchEvent(new CustomEvent("stca:motion", { detail: { paused } }));
}

function showMotion() {
  motionButton?.setAttribute("aria-pressed", String(paused));
  for (const image of document.querySelectorAll("img[data-play]")) setPlaying(image);
}

motionButton?.addEventListener("click", () => setPaused(!paused));

document.addEventListener("error", (event) => {
  const image = event.target;
  if (!(image instanceof HTMLImageElement)) return;
  if (image.dataset.play && image.getAttribute("src") === image.dataset.play) {
    image.dataset.broken = "yes";
    setPlaying(image);
  } else if (image.dataset.goneText) {
    const words = document.createElement("p");
    words.className = "soft";
    words.textContent = image.dataset.goneText;
    image.replaceWith(words);
  } else {
    image.classList.add("gone");
  }
}, true);
document.addEventListener("load", (event) => shape(event.target), true);

// A crop that is as wide as high is mostly not a whole person: it is shown whole, not cut to a column.
function shape(image) {
  if (!(image instanceof HTMLImageElement)) return;
  if (image.classList.contains("why")) image.classList.add("is-loaded");
  if (image.classList.contains("crop")) {
    image.classList.toggle("is-wide", image.naturalWidth > 0.72 * image.naturalHeight);
  }
}

for (const image of document.images) {
  if (image.complete && image.naturalWidth) shape(image);
  if (image.complete && !image.naturalWidth && image.loading !== "lazy") image.dispatchEvent(new Event("error"));
}
watch(document);
showMotion();

// ---- the menu of small windows ----

const menuButton = document.getElementById("menu-button");

function setMenu(open) {
  menuButton.setAttribute("aria-expanded", String(open));
  document.getElementById("menu").classList.toggle("is-open", open);
}

menuButton?.addEventListener("click", () => setMenu(menuButton.getAttribute("aria-expanded") !== "true"));

// In a small window, filters begin folded, so that the answers are near.
if (matchMedia("(max-width: 62rem)").matches) {
  for (const fold of document.querySelectorAll("[data-folds]")) fold.open = false;
}

// What opens for a word to be written begins in its field.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.fold[open]")) event.target.querySelector("input:not([type=hidden])")?.focus();
}, true);

// ---- messages ----

function leaveLater(toast) {
  let timer = 0;
  const start = () => { timer = setTimeout(() => toast.remove(), 15000); };
  const stop = () => clearTimeout(timer);
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, stop);
  for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, () => { stop(); start(); });
  start();
}

const toasts = document.getElementById("toasts");
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const added of change.addedNodes) if (added.dataset?.toast !== undefined) leaveLater(added);
  }
  while (toasts.children.length > 1) toasts.firstElementChild.remove();
}).observe(toasts, { childList: true });
for (const toast of toasts.children) leaveLater(toast);

toasts.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("[data-toast]").remove());

// The rest of the address stays as it was written: URLSearchParams would encode the slashes of keys.
if (/[?&]done=/.test(location.search)) {
  const rest = location.search.slice(1).split("&").filter((part) => !part.startsWith("done=")).join("&");
  history.replaceState(history.state, "", location.pathname + (rest && `?${rest}`) + location.hash);
}

// ---- parts that htmx brings ----

const dialog = document.getElementById("dialog");

document.addEventListener("htmx:load", (event) => watch(event.detail.elt));
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) event.detail.shouldSwap = Boolean(event.detail.xhr.getResponseHeader("HX-Retarget"));
});
document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (target.id === "results") say(target.querySelector(".banner-title")?.textContent ?? "");
  if (target.id === "dialog-content" && dialog && !dialog.open) dialog.showModal();
});
document.addEventListener("htmx:pushedIntoHistory", () => {
  const query = document.getElementById("save-query");
  if (query) query.value = location.search.slice(1);
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => {
    if (document.hidden) return;
    const toast = document.createElement("div");
    toast.className = "toast bad";
    toast.dataset.toast = "";
    toast.textContent = body.dataset.failedText;
    toasts.append(toast);
  });
}
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

// ---- keys ----

const keysBox = document.getElementById("shortcuts");
if (keysBox) {
  keysBox.checked = recall("stca-keys") !== "off";
  keysBox.addEventListener("change", () => remember("stca-keys", keysBox.checked ? "on" : "off"));
}

function step(by) {
  const places = [...document.querySelectorAll(".answer-picture, .wall .tile-link")];
  if (!places.length) return;
  const now = document.activeElement.closest(".answer, .tile");
  const at = places.findIndex((place) => now?.contains(place));
  const next = places[Math.min(Math.max(at + by, 0), places.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function judge(kind) {
  const place = document.activeElement.closest(".answer, .side");
  place?.querySelector(`.judge button[value="${kind}"]`)?.click();
}

const KEYS = {
  "/": () => {
    const field = document.getElementById("by-name");
    if (field) field.focus();
    else location.assign("/");
  },
  "?": () => location.assign("/help"),
  p: () => motionButton && setPaused(!paused),
  j: () => step(1),
  k: () => step(-1),
  y: () => judge("same"),
  n: () => judge("different"),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menuButton?.getAttribute("aria-expanded") === "true") {
    setMenu(false);
    menuButton.focus();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog, details.fold[open]")) return;
  if (dialog?.open) return;
  if (recall("stca-keys") === "off" || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

// What changes is asked for again when the server says so; else every few seconds.

const place = document.querySelector("[data-events]");
let waiting = 0;

if (place && "EventSource" in window) {
  const events = new EventSource(place.dataset.events);
  events.addEventListener(place.dataset.event, () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => place.dispatchEvent(new Event("refresh")), 200);
  });
  addEventListener("pagehide", () => events.close());
}

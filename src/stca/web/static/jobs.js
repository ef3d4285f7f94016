// The list of jobs is asked for again when the server says that one changed; else every few seconds.

const list = document.getElementById("jobs");
let waiting = 0;

if (list && "EventSource" in window) {
  const events = new EventSource(list.dataset.events);
  events.addEventListener("job", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => list.dispatchEvent(new Event("refresh")), 200);
  });
  addEventListener("pagehide", () => events.close());
}

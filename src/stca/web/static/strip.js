// The strip that narrows a search to a time, and a tidy address.

const strip = document.querySelector("[data-strip]");
const filters = document.getElementById("filters");

function moment(seconds, offset) {
  if (seconds < 1e8) {
    const tenths = Math.round(seconds * 10);
    const pad = (value) => String(value).padStart(2, "0");
    const whole = Math.floor(tenths / 10);
    return `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}.${tenths % 10}`;
  }
  const day = new Date((seconds + offset) * 1000);
  const month = day.toLocaleString("en-US", { month: "short", timeZone: "UTC" });
  return `${day.getUTCDate()} ${month} ${day.getUTCFullYear()}, ${day.toISOString().slice(11, 19)}`;
}

if (strip) {
  const [from, to] = ["from", "to"].map((name) => strip.querySelector(`[name=${name}]`));
  const first = Number(strip.dataset.first);
  const last = Number(strip.dataset.last);
  const drawn = strip.querySelector("svg");
  const outputs = ["from", "to"].map((name) => document.querySelector(`[data-strip-${name}]`));
  const show = () => {
    const place = (field) => ((Number(field.value) - first) / (last - first)) * 1000;
    const chosen = drawn.querySelector(".chosen");
    chosen.setAttribute("x", place(from));
    chosen.setAttribute("width", Math.max(place(to) - place(from), 0));
    [from, to].forEach((field, at) => {
      const words = moment(Number(field.value), Number(strip.dataset.offset));
      outputs[at].textContent = words;
      field.setAttribute("aria-valuetext", words);
    });
  };
  from.addEventListener("input", () => {
    if (Number(from.value) > Number(to.value)) from.value = to.value;
    show();
  });
  to.addEventListener("input", () => {
    if (Number(to.value) < Number(from.value)) to.value = from.value;
    show();
  });
  let begun = null;
  const time = (event) => {
    const area = drawn.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
    return first + share * (last - first);
  };
  drawn.addEventListener("pointerdown", (event) => {
    begun = time(event);
    drawn.setPointerCapture(event.pointerId);
  });
  drawn.addEventListener("pointermove", (event) => {
    if (begun === null) return;
    const now = time(event);
    from.value = Math.min(begun, now);
    to.value = Math.max(begun, now);
    show();
  });
  drawn.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    if (Math.abs(time(event) - begun) < (last - first) / 200) {
      from.value = first;
      to.value = last;
      show();
    }
    begun = null;
    to.dispatchEvent(new Event("change", { bubbles: true }));
  });
  show();
  filters.addEventListener("htmx:configRequest", (event) => {
    const { parameters } = event.detail;
    if (Number(from.value) <= first + from.step / 2) delete parameters.from;
    if (Number(to.value) >= last - to.step / 2) delete parameters.to;
  });
}

filters?.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});

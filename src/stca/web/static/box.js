// Draws a box around somebody in a frame: by mouse, finger or keys.

class Drawing {
  constructor(screen, form) {
    this.screen = screen;
    this.rect = screen.querySelector("[data-drawn]");
    this.field = form.querySelector("[data-box-field]");
    this.frame = form.querySelector("[data-frame]");
    const [, , width, height] = screen.querySelector("svg").getAttribute("viewBox").split(" ").map(Number);
    Object.assign(this, { width, height, box: null, from: null });
    this.player = screen.closest("[data-player]");
    screen.addEventListener("pointerdown", (event) => this.begin(event));
    screen.addEventListener("pointermove", (event) => this.move(event));
    screen.addEventListener("pointerup", () => { this.from = null; });
    screen.addEventListener("pointercancel", () => { this.from = null; });
    screen.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("change", () => this.read());
    this.player?.addEventListener("stca:frame", (event) => {
      if (this.frame) this.frame.value = event.detail.frame;
      if (this.player.player?.playing) this.set(null);
    });
    this.read();
  }

  place(event) {
    const area = this.screen.getBoundingClientRect();
    // The picture keeps its shape, in the middle of its place: a high one leaves room on both sides.
    const scale = Math.min(area.width / this.width, area.height / this.height);
    return [
      this.width / 2 + (event.clientX - area.left - area.width / 2) / scale,
      this.height / 2 + (event.clientY - area.top - area.height / 2) / scale,
    ].map((value, at) => Math.min(Math.max(value, 0), at ? this.height : this.width));
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.screen.focus({ preventScroll: true });
    this.screen.setPointerCapture(event.pointerId);
    this.player?.player?.setPlaying(false);
    this.from = this.place(event);
  }

  move(event) {
    if (!this.from) return;
    const [x, y] = this.place(event);
    const [a, b] = this.from;
    this.set([Math.min(a, x), Math.min(b, y), Math.abs(x - a), Math.abs(y - b)]);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return this.set(null);
    if (event.key === "Enter") {
      event.preventDefault();
      const wide = this.width / 12;
      if (!this.box) this.set([(this.width - wide) / 2, this.height / 2 - wide * 1.25, wide, wide * 2.5]);
      return undefined;
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !this.box) return undefined;
    event.preventDefault();
    event.stopPropagation();
    const step = this.height / 90;
    const [x, y, w, h] = this.box;
    const [dx, dy] = [way[0] * step, way[1] * step];
    return this.set(event.shiftKey ? [x, y, w + dx, h + dy] : [x + dx, y + dy, w, h]);
  }

  read() {
    const values = this.field.value.split(",").map(Number);
    if (values.length === 4 && values.every(Number.isFinite)) this.set(values);
  }

  set(box) {
    if (box) {
      const w = Math.min(Math.max(box[2], 4), this.width);
      const h = Math.min(Math.max(box[3], 4), this.height);
      const x = Math.min(Math.max(box[0], 0), this.width - w);
      const y = Math.min(Math.max(box[1], 0), this.height - h);
      this.box = [x, y, w, h].map(Math.round);
    } else {
      this.box = null;
    }
    const values = this.box ?? [0, 0, 0, 0];
    ["x", "y", "width", "height"].forEach((name, at) => this.rect.setAttribute(name, values[at]));
    this.field.value = this.box ? this.box.join(",") : "";
    if (!this.box || this.from) return;
    const [l, t, w, h] = this.box;
    const words = this.screen.dataset.text;
    document.getElementById("said").textContent = words
      .replace("{l}", l).replace("{t}", t).replace("{w}", w).replace("{h}", h);
  }
}

for (const screen of document.querySelectorAll("[data-draw]")) {
  new Drawing(screen, document.querySelector("[data-ask]"));
}

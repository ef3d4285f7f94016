// Plays a video frame by frame from single pictures, with the tracked box drawn.

const AHEAD = 4;

class Player {
  constructor(place) {
    this.place = place;
    const { address, first, last, begins, rate, boxes } = place.dataset;
    Object.assign(this, { address, first: +first, last: +last, frame: +begins, rate: +rate || 25 });
    this.boxes = JSON.parse(boxes || "{}");
    this.screen = place.querySelector("[data-screen]");
    this.rect = place.querySelector("[data-rect]");
    this.toggle = place.querySelector("[data-toggle]");
    this.seek = place.querySelector("[data-seek]");
    this.clock = place.querySelector("[data-clock]");
    this.loaded = new Map();
    this.playing = false;
    this.wanted = 0;
    this.toggle.addEventListener("click", () => this.setPlaying(!this.playing));
    for (const button of place.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => this.stepBy(+button.dataset.step));
    }
    this.seek.addEventListener("input", () => {
      this.setPlaying(false);
      this.show(+this.seek.value);
    });
    place.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("stca:motion", (event) => event.detail.paused && this.setPlaying(false));
    this.show(this.frame);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "," || event.key === ".") this.stepBy(event.key === "," ? -1 : 1);
    else if (event.key === " " && !event.target.closest("button, input")) this.setPlaying(!this.playing);
    else return;
    event.preventDefault();
  }

  stepBy(by) {
    this.setPlaying(false);
    this.show(Math.min(Math.max(this.frame + by, this.first), this.last));
  }

  load(frame) {
    if (!this.loaded.has(frame)) {
      const image = new Image();
      image.src = this.address + frame;
      const done = image.decode().then(() => image, () => null);
      this.loaded.set(frame, done);
      if (this.loaded.size > 60) this.loaded.delete(this.loaded.keys().next().value);
    }
    return this.loaded.get(frame);
  }

  async show(frame) {
    const wanted = ++this.wanted;
    this.frame = frame;
    this.tell();
    const image = await this.load(frame);
    if (image === null && this.playing && frame !== this.first) {
      this.last = frame - 1; // the video is shorter than its tracks said
      this.setPlaying(false);
    }
    if (wanted !== this.wanted || image === null) return;
    this.screen.src = image.src;
    this.draw(frame);
  }

  draw(frame) {
    if (!this.rect) return;
    const box = this.boxes[frame];
    const values = box ?? [0, 0, 0, 0];
    ["x", "y", "width", "height"].forEach((name, at) => this.rect.setAttribute(name, values[at]));
  }

  tell() {
    const words = this.place.dataset.frameText.replace("{n}", this.frame.toLocaleString("en"));
    this.seek.value = this.frame;
    this.seek.setAttribute("aria-valuetext", words);
    this.clock.textContent = words;
    this.place.dispatchEvent(new CustomEvent("stca:frame", { detail: { frame: this.frame }, bubbles: true }));
  }

  setPlaying(playing) {
    if (playing === this.playing) return;
    this.playing = playing;
    this.toggle.setAttribute("aria-pressed", String(playing));
    const words = playing ? this.place.dataset.pauseText : this.place.dataset.playText;
    this.toggle.setAttribute("aria-label", words);
    this.toggle.title = words;
    if (playing) this.run();
  }

  async run() {
    if (this.frame >= this.last) this.frame = this.first;
    let next = performance.now();
    while (this.playing && this.frame < this.last) {
      for (let ahead = 1; ahead <= AHEAD; ahead++) {
        if (this.frame + ahead <= this.last) this.load(this.frame + ahead);
      }
      next = Math.max(next + 1000 / this.rate, performance.now());
      await this.load(this.frame + 1);
      await new Promise((resolve) => setTimeout(resolve, next - performance.now()));
      if (this.playing) await this.show(this.frame + 1);
    }
    this.setPlaying(false);
  }
}

for (const place of document.querySelectorAll("[data-player]")) place.player = new Player(place);

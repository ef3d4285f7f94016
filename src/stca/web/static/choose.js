// How many sightings are marked, and what can be done with them.

for (const form of document.querySelectorAll("[data-choose]")) {
  const words = form.querySelector("[data-chosen]");
  if (!words) continue;
  const none = words.textContent;
  const show = () => {
    const count = form.querySelectorAll("[name=keys]:checked").length;
    words.textContent = count ? words.dataset.text.replace("{n}", count) : none;
    for (const button of form.querySelectorAll("[data-needs]")) {
      const some = count > 0 && (button.dataset.needs === "any" || count < Number(form.dataset.all));
      button.disabled = !some;
    }
  };
  form.querySelector("[data-mark-all]")?.addEventListener("click", () => {
    const ticks = [...form.querySelectorAll("[name=keys]")];
    const all = ticks.every((tick) => tick.checked);
    for (const tick of ticks) tick.checked = !all;
    show();
  });
  form.addEventListener("change", show);
  show();
}

// Forms that send files: dropping them anywhere on the form, and how far they are.

function send(form) {
  const progress = form.querySelector("[data-progress]");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  const end = (words) => {
    progress.textContent = words;
    button.disabled = false;
  };
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("Accept", "text/html");
  request.upload.addEventListener("progress", (event) => {
    const share = Math.floor((100 * event.loaded) / event.total);
    progress.textContent = share < 100 ? form.dataset.sending.replace("{n}", share) : form.dataset.looking;
  });
  request.addEventListener("load", () => {
    const place = request.getResponseHeader("HX-Redirect");
    if (place) {
      progress.textContent = form.dataset.looking;
      location.assign(place);
      return;
    }
    end("");
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const toast = answer.querySelector("[data-toast]");
    if (toast) document.getElementById("toasts").append(document.adoptNode(toast));
    else end(form.dataset.failed);
  });
  request.addEventListener("error", () => end(form.dataset.failed));
  const content = new FormData(form);
  button.disabled = true;
  request.send(content);
}

for (const form of document.querySelectorAll("[data-drop]")) {
  const field = form.querySelector("input[type=file]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    field.files = event.dataTransfer.files;
    send(form);
  });
}

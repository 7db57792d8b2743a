// An address that was made for one browser holds a word in its fragment, which no request shows.
const word = new URLSearchParams(location.hash.slice(1)).get("once");
if (word !== null) {
  document.documentElement.dataset.once = "";
  history.replaceState(null, "", location.pathname + location.search);
  addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form");
    form.querySelector("input").remove(); // so that no browser offers to keep it
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "once", value: word });
    form.append(field);
    form.submit();
  });
}
addEventListener("hashchange", () => location.reload()); // it was pasted where this page is shown

// Runs before the page is painted, so that a chosen theme does not flash.
const chosen = localStorage.getItem("cde-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
addEventListener("error", () => document.body?.classList.add("ready"), true); // a script that does not come hides nothing

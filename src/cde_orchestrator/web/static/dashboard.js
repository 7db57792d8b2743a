import { acting, actionButton } from "./acting.js";
import { $, Connection, isOut, load, setUpTheme } from "./base.js";
import { foldCards, moreCards, showBoard, showRefusal } from "./board.js";
import { setUpFilters, showFilters } from "./filters.js";
import { showFrame, showHealth } from "./panels.js";

const offered = acting.then(({ person }) => {
  if (person) $("acts").append(actionButton({ action: "start", label: "Start a feature", tone: "primary", module: () => import("./actions-start.js"), form: ({ startForm }) => startForm() }));
});

/** What the page shows is what its address asks for. */
async function refresh() {
  const asked = new URLSearchParams(location.search);
  const wanted = location.search;
  if (moreCards()) asked.set("cards", moreCards());
  let reply;
  try {
    reply = await load(`/dashboard/data?${asked}`);
  } catch (error) {
    if (!error.told || isOut(error)) throw error;
    await showWhatThereIs(location.search);
    showRefusal(error.told);
    document.body.classList.add("ready");
    return;
  }
  if (wanted !== location.search) return refresh();
  await offered;
  showFrame(reply);
  showHealth(reply);
  showFilters(reply.board);
  showBoard(reply);
  document.body.classList.add("ready");
}

/** What the page shows whatever its address asks for. */
async function showWhatThereIs(asked) {
  try {
    const reply = await load("/dashboard/data?cards=1");
    if (asked !== location.search) return;
    showFrame(reply);
    showHealth(reply);
    showFilters(reply.board);
  } catch (error) {
    if (!error.told) throw error;
  }
}

setUpTheme();

const connection = new Connection(refresh);
const again = () => connection.update();
addEventListener("acted", again);
$("board").addEventListener("more", again);
setUpFilters(() => {
  foldCards();
  again();
});

// Whoever opens what is wrong can leave it as a menu.
const health = $("health");
health.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !health.open) return;
  health.open = false;
  health.querySelector("summary").focus();
});
document.addEventListener("pointerdown", (event) => {
  if (health.open && !health.contains(event.target)) health.open = false;
});

import { $, Connection, load, serverTime, setUpTheme, write } from "./base.js";
import { showBoard } from "./board.js";
import { showCharts } from "./charts.js";
import { showAlerts, showBreakers, showErrors, showFigures, showHealth, showSlowest } from "./panels.js";

const spans = ["hour", "day", "week"];
const asked = new URLSearchParams(location.search).get("span");
let span = spans.includes(asked) ? asked : "hour";
let version = null;

async function refresh() {
  const wanted = span;
  const reply = await load(`/dashboard/data?span=${wanted}`);
  if (wanted !== span) return refresh();
  if (version !== null && reply.health.version !== version) location.reload(); // the server is a newer one
  version = reply.health.version;
  serverTime(reply.at);
  const name = reply.project?.name ?? "CDE";
  const isTrusted = (reply.project?.trust ?? "trusted") === "trusted";
  write($("project"), isTrusted ? name : `${name} (not trusted: only viewed)`);
  write($("root"), reply.root);
  $("root").title = reply.root;
  document.title = `${reply.health.status === "healthy" && !reply.problem ? "" : "⚠ "}${name} · CDE dashboard`;
  write($("version"), version ? `CDE Orchestrator ${version}` : "CDE Orchestrator");
  showHealth(reply);
  showFigures(reply);
  showBoard(reply.board);
  showCharts(reply.history);
  showAlerts(reply);
  showErrors(reply);
  showSlowest(reply);
  showBreakers(reply);
  document.body.classList.add("ready");
}

setUpTheme();
const connection = new Connection(refresh);
for (const input of document.querySelectorAll("input[name=span]")) {
  input.checked = input.value === span;
  input.addEventListener("change", () => {
    span = input.value;
    history.replaceState(null, "", span === "hour" ? location.pathname : `?span=${span}`);
    connection.update();
  });
}

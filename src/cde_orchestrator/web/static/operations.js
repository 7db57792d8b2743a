import { acting, actionButton } from "./acting.js";
import { $, Connection, load, setUpTheme } from "./base.js";
import { showCharts } from "./charts.js";
import { showAlerts, showBreakers, showErrors, showFigures, showFrame, showHealth, showSlowest } from "./panels.js";

const spans = ["hour", "day", "week"];
const asked = new URLSearchParams(location.search).get("span");
let span = spans.includes(asked) ? asked : "hour";

async function refresh() {
  const wanted = span;
  const reply = await load(`/dashboard/data/operations?span=${wanted}`);
  if (wanted !== span) return refresh();
  await offered;
  showFrame(reply, "Operations");
  showHealth(reply);
  showFigures(reply);
  showCharts(reply.history);
  showAlerts(reply);
  showErrors(reply);
  showSlowest(reply);
  showBreakers(reply);
  document.body.classList.add("ready");
}

setUpTheme();
const offered = acting.then(({ person }) => {
  if (!person) return;
  $("alert-acts").append(actionButton({ action: "test-alert", label: "Send a test alert", module: () => import("./actions-project.js"), form: ({ alertForm }) => alertForm }));
  $("trust-acts").append(actionButton({ action: "trust", label: "Review and trust", module: () => import("./actions-project.js"), form: ({ trustForm }) => trustForm }));
});
const connection = new Connection(refresh);
addEventListener("acted", () => connection.update());
for (const input of document.querySelectorAll("input[name=span]")) {
  input.checked = input.value === span;
  input.addEventListener("change", () => {
    span = input.value;
    history.replaceState(null, "", span === "hour" ? location.pathname : `?span=${span}`);
    connection.update();
  });
}

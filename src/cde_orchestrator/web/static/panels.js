// What both pages of the project show above all else; and the panels of operations.
import { $, Stack, absolute, ago, announce, attribute, command, counted, duration, element, empty, figure, load, megabytes, milliseconds, percent, reload, serverTime, showMoment, words, write } from "./base.js";

// ---- the frame ----

let version = null;

/** Which project, as of when, and by which release. */
export function showFrame(reply, page) {
  if (version !== null && reply.health.version !== version) reload(); // the server is a newer one
  version = reply.health.version;
  serverTime(reply.at);
  const name = reply.project?.name ?? "CDE";
  const isTrusted = (reply.project?.trust ?? "trusted") === "trusted";
  write($("project"), isTrusted ? name : `${name} (not trusted: only viewed)`);
  write($("root"), reply.root);
  $("root").title = reply.root;
  const waiting = reply.board?.lanes.find((each) => each.id === "waiting")?.count;
  const sign = reply.health.status === "healthy" && !reply.problem ? "" : "⚠ ";
  document.title = `${sign}${waiting ? `(${waiting}) ` : ""}${page ? `${page} · ` : ""}${name} · CDE dashboard`;
  write($("version"), version ? `CDE Orchestrator ${version}` : "CDE Orchestrator");
}

// ---- health ----

const TITLES = { healthy: "Healthy", degraded: "Degraded", unhealthy: "Unhealthy" };
let lastStatus = null;
let lastFindings = "";

export function showHealth(reply) {
  const { health, problem } = reply;
  const status = problem ? "unhealthy" : health.status;
  const findings = findingsOf(reply);
  attribute($("health"), "data-status", status);
  write($("health-title"), problem?.code === "E004" ? "Not set up yet" : TITLES[status]);
  const checks = Object.keys(health.checks).length;
  const line = findings.length
    ? $("health").tagName === "DETAILS" ? `${findings[0].message}${findings.length > 1 ? ` (and ${findings.length - 1} more)` : ""}`
      : `${findings.length === 1 ? "One thing needs" : `${findings.length} things need`} attention`
    : checks ? `All ${checks} checks passed` : "No known problems";
  showMoment($("health-line"), health.checked_at || reply.at, (at) => `${line} · checked ${ago(at)}`);
  if (lastStatus !== null && lastStatus !== status) announce(`The project is ${status}. ${findings.map((each) => each.message).join(" ")}`);
  lastStatus = status;
  const told = JSON.stringify([findings, health.checks]);
  if (told === lastFindings) return;
  lastFindings = told;
  $("findings").replaceChildren(...findings.map(finding), passed(health));
}

function findingsOf({ health, problem, advice, alerts }) {
  const found = [];
  if (problem) found.push({ verdict: "critical", ...problem, commands: problem.fixes.map((each) => each.command) });
  for (const [name, verdict] of Object.entries(health.checks)) {
    if (verdict === "ok" || name === "alerts") continue; // the alerts tell for themselves
    const detail = health.details[name] ?? { message: words(name) };
    if (problem && detail.error_code === problem.code) continue;
    found.push({ verdict, message: detail.message, code: detail.error_code, ...pick(advice[detail.error_code]) });
  }
  const codes = new Set(found.map((each) => each.code));
  for (const alert of alerts.alerts) {
    if (alert.state !== "firing" || (alert.error_code && codes.has(alert.error_code))) continue;
    found.push({ verdict: alert.severity, message: alert.message || alert.title, code: alert.error_code, ...pick(advice[alert.error_code]) });
  }
  return found.sort((one, other) => (other.verdict === "critical") - (one.verdict === "critical"));
}

const pick = (known) => ({ suggestions: known?.suggestions ?? [], commands: known?.commands ?? [] });

function finding(each) {
  return element("article", { class: "finding", "data-tone": each.verdict },
    element("p", { class: "strong" }, each.message, " ", code(each.code)),
    each.suggestions.length ? element("p", { class: "muted" }, each.suggestions[0]) : null,
    each.commands.length ? command(each.commands[0]) : null);
}

export function code(value) {
  return value ? element("a", { class: "code", href: `/errors/${encodeURIComponent(value)}` }, value) : null;
}

function passed(health) {
  const names = Object.entries(health.checks).filter(([, verdict]) => verdict === "ok").map(([name]) => name);
  return element("ul", { class: "passed", "aria-label": "Passed checks" },
    names.map((name) => element("li", { title: health.details[name]?.message }, words(name))));
}

const FIGURES = [
  ["Operations", (m, c, { lately }) => `${figure(lately.operations_per_second)}/s`, () => "last 5 minutes"],
  ["Error rate", (m, c, { lately }) => percent(lately.error_rate), (m, c) => limit(c.high_error_rate)],
  ["Refused", (m, c, { lately }) => percent(lately.refusal_rate), (m) => Object.keys(m.refusals_by_phase ?? {}).slice(0, 1).map((phase) => `most at ${phase}`).join("")],
  ["Latency p95", (m, c, { lately }) => milliseconds(lately.p95_ms), (m, c, { lately }) => `p50 ${milliseconds(lately.p50_ms)} · p99 ${milliseconds(lately.p99_ms)}`],
  ["Memory in use", (m) => `${figure(m.memory_percent)} %`, (m) => `server ${megabytes(m.memory_mb)}`],
  ["Disk free", (m) => megabytes(m.disk_free_mb), (m) => `.cde uses ${megabytes(m.disk_mb)}`],
];
const tiles = [];

const limit = (alert) => (alert?.threshold ? `alert above ${figure(alert.threshold)} ${alert.unit}` : "");

export function showFigures(reply) {
  if (!tiles.length) {
    for (const [label] of FIGURES) {
      const value = element("dd", { class: "value" });
      const note = element("dd", { class: "note muted" });
      $("figures").append(element("div", { class: "card tile" }, element("dt", {}, label), value, note));
      tiles.push({ value, note });
    }
  }
  const alerts = Object.fromEntries(reply.alerts.alerts.map((each) => [each.name, each]));
  FIGURES.forEach(([, value, note], index) => {
    write(tiles[index].value, value(reply.health.metrics, alerts, reply));
    write(tiles[index].note, note(reply.health.metrics, alerts, reply));
  });
}

// ---- lists ----

const lists = {};

/** A list in a panel, or what stands there while it is empty. */
function show(id, items, key, height, make, fill, nothing) {
  const list = (lists[id] ??= (() => {
    const rows = element("ul", { class: "rows" });
    const hint = nothing();
    $(id).append(rows, hint);
    return { hint, stack: new Stack(rows, height, make, fill) };
  })());
  list.stack.show(items, key);
  list.hint.hidden = items.length > 0;
  list.stack.container.hidden = items.length === 0;
}

function row(tag, ...names) {
  const parts = Object.fromEntries(names.map((name) => [name, element("span", { class: name })]));
  const inner = element(tag, { class: "line-item", type: tag === "button" ? "button" : null }, Object.values(parts));
  return Object.assign(element("li", {}, inner), { parts, inner });
}

// ---- alerts ----

const TONES = { firing: "critical", pending: "warning", resolved: "ok", inactive: "muted" };

export function showAlerts({ alerts, episodes }) {
  const present = alerts.alerts.filter((each) => each.state === "firing" || each.state === "pending");
  const firing = present.filter((each) => each.state === "firing").length;
  write($("alerts-line"), present.length ? `${firing} firing, ${present.length - firing} pending` : `${alerts.alerts.length} watched, all quiet`);
  const items = [
    ...present.map((each) => ({ ...each, at: each.since, key: `now ${each.name}`, present: true })),
    ...episodes.filter((each) => each.state !== "firing" && each.state !== "pending").map((each) => ({ ...each, key: `${each.began} ${each.name}` })),
  ];
  show("alerts", items, (each) => each.key, 52, () => row("div", "badge", "main", "sub", "when"), (member, each) => {
    const { parts } = member;
    write(parts.badge, each.state);
    const tone = each.state === "firing" && each.severity === "warning" ? "warning" : TONES[each.state];
    attribute(parts.badge, "data-tone", tone);
    attribute(member.inner, "data-tone", tone);
    write(parts.main, each.title);
    write(parts.sub, each.message);
    attribute(parts.sub, "title", each.message);
    showMoment(parts.when, each.at, each.present ? (at) => `for ${duration((Date.now() - Date.parse(at)) / 1000)}` : ago);
    attribute(member.inner, "data-present", each.present ? each.state : null);
  }, () => empty("No alerts", element("p", {}, "Send a test alert:"), command("cde alerts test")));
}

// ---- errors ----

export function showErrors({ errors }) {
  show("errors", errors, (each) => each.id, 52, (each) => {
    const member = row("button", "badge", "main", "sub", "when");
    member.inner.addEventListener("click", () => openReport(each));
    return member;
  }, ({ parts }, each) => {
    write(parts.badge, each.code);
    attribute(parts.badge, "data-tone", each.severity === "CRITICAL" || each.severity === "ERROR" ? "critical" : "warning");
    write(parts.main, each.title || each.code);
    write(parts.sub, `${each.count > 1 ? `${figure(each.count)} times · ` : ""}${words(each.operation)}: ${each.message}`);
    attribute(parts.sub, "title", each.message);
    showMoment(parts.when, each.at, ago);
  }, () => empty("No errors recorded", element("p", {}, "Each call that fails leaves a report, which is listed here.")));
}

async function openReport(summary) {
  const dialog = $("report");
  const close = element("button", { class: "plain", type: "button", onclick: () => dialog.close() }, "Close");
  const body = element("div", { class: "report-body" }, element("p", { class: "muted" }, "Loading…"));
  dialog.replaceChildren(
    element("header", { class: "head" }, element("h2", { id: "report-title" }, element("span", { class: "code" }, summary.code), ` ${summary.title}`), close), body);
  dialog.showModal();
  const answer = await load(`/dashboard/data/errors/${encodeURIComponent(summary.id)}`).catch(({ told }) => ({ missing: told?.code === "E322" ? "The report is no longer kept." : told?.message ?? "The server does not answer: open the report again." }));
  body.replaceChildren(element("p", { class: "told" }, summary.message), ...whatToDo(answer.advice), ...details(summary, answer));
}

function whatToDo(advice) {
  if (!advice) return [];
  return [
    element("h3", {}, "What to do"), element("ul", {}, advice.suggestions.map((each) => element("li", {}, each))),
    ...advice.commands.map((each) => command(each)),
  ];
}

function details(summary, { report, missing }) {
  const facts = { When: summary.at ? absolute(summary.at) : "?", Operation: words(summary.operation), "Called by": report?.operation?.actor, "Correlation id": summary.correlation_id, Report: summary.id };
  return [
    element("h3", {}, "What happened"),
    element("dl", { class: "facts" }, Object.entries(facts).filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
    report ? element("details", {}, element("summary", {}, "Full report"), element("pre", { tabindex: 0 }, JSON.stringify(report, null, 2)))
      : element("p", { class: "muted" }, missing),
  ];
}

// ---- slowest operations, breakers ----

export function showSlowest({ slowest, history }) {
  write($("slowest-line"), `by p95, last ${history.span}`);
  const top = Math.max(1, ...slowest.map((each) => each.p95_ms));
  show("slowest", slowest, (each) => each.operation, 48, () => {
    const member = row("div", "main", "meter", "amount", "sub");
    member.parts.meter.append(element("span"));
    return member;
  }, ({ parts }, each) => {
    write(parts.main, words(each.operation));
    write(parts.amount, milliseconds(each.p95_ms));
    write(parts.sub, `${counted(each.calls, "call")}${each.errors ? `, ${figure(each.errors)} failed` : ""}${each.refusals ? `, ${figure(each.refusals)} refused` : ""} · p50 ${milliseconds(each.p50_ms)} · longest ${milliseconds(each.max_ms)}`);
    parts.meter.firstChild.style.transform = `scaleX(${each.p95_ms / top})`;
  }, () => empty("No operations in this period", element("p", {}, "Operations appear here as soon as an agent or a command works on the project.")));
}

const BREAKER = { open: "critical", half_open: "warning", closed: "ok" };

export function showBreakers({ breakers }) {
  show("breakers", breakers, (each) => each.name, 52, () => row("div", "badge", "main", "sub", "when"), ({ parts }, each) => {
    write(parts.badge, words(each.state));
    attribute(parts.badge, "data-tone", BREAKER[each.state] ?? "muted");
    write(parts.main, each.name);
    write(parts.sub, each.last_failure || (each.failures ? `${counted(each.failures, "failure")} in a row` : "works"));
    attribute(parts.sub, "title", each.last_failure || null);
    write(parts.when, each.state === "open" ? `retry in ${duration(each.retry_after_seconds)}` : "");
  }, () => empty("No circuit breakers are open", element("p", {}, "An agent, or git, that keeps failing is paused for a while and listed here.")));
}

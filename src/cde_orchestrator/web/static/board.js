// The features in lanes. Cards slide to their places; nothing is laid out again.
import { $, CLOSED, Stack, absolute, ago, attribute, command, counted, duration, element, empty, figure, showMoment, since, who, words, write } from "./base.js";
import { code } from "./panels.js";

const CARD = "var(--card)";
const MORE = [0, 40, 100];
const TITLES = { waiting: "Waiting for you", working: "Agent at work", ready: "Ready for an agent", done: "Done" };
const SHORT = { waiting: "Waiting", working: "At work", ready: "Ready", done: "Done" };
const QUIET = { waiting: "Nothing waits for you", working: "No agent is at work", ready: "Nothing is ready for an agent", done: "Nothing is done yet" };
const lanes = new Map();
let step = 0;
let present = "";
let notice = null;
let byPhase = false; // then no lane says who works

/** How many cards of a lane are asked for; 0: as many as the server likes. */
export const moreCards = () => MORE[step];
export const foldCards = () => (step = 0);

export function showBoard(reply) {
  const { board } = reply;
  if (board === null) return showProblem(reply.problem);
  write($("board-line"), line(board));
  byPhase = board.by !== null;
  const place = $("board");
  const wanted = board.lanes.map((each) => each.id).join(" ");
  if (present !== `${board.by} ${wanted}`) {
    lanes.clear();
    place.replaceChildren();
    notice = null;
    present = `${board.by} ${wanted}`;
    board.lanes.forEach((lane) => {
      lanes.set(lane.id, makeLane(lane, board.by));
      place.append(lanes.get(lane.id).root);
    });
    $("jump").replaceChildren(...[...lanes.values()].map((each) => each.jump));
  }
  const searched = board.found !== board.total;
  for (const lane of board.lanes) fillLane(lanes.get(lane.id), lane, searched);
  if (board.found > 0) say("", null);
  else if (board.total > 0) say("nothing", () => empty("No feature matches", element("p", {}, `There are ${figure(board.total)} in all.`)));
  else if ((reply.project?.trust ?? "trusted") !== "trusted") say("untrusted", () => empty("No features yet", element("p", {}, "This folder is not trusted yet: it is only viewed."), command("cde trust")));
  else if (reply.project?.read_only) say("damaged", () => empty("No features can be shown", element("p", {}, "The project is read-only because its state is damaged: there may be features that cannot be read."), command("cde doctor")));
  else say("newcomer", newcomer);
}

/** What there is to say in place of features; the lanes stay behind it. */
function say(name, make) {
  if (notice?.name === name || (!notice && !make)) return;
  notice?.made.remove();
  notice = make && { name, made: make() };
  if (!notice) return;
  notice.made.classList.add("over");
  $("board").append(notice.made);
}

function clear() {
  lanes.clear();
  present = "";
  notice = null;
  write($("board-line"), "");
  $("board").replaceChildren();
  $("jump").replaceChildren();
}

let explained = "";

function explain(problem, title, text) {
  const same = JSON.stringify([problem.code, problem.message, title]);
  if (notice?.name === "problem" && explained === same) return;
  clear();
  explained = same;
  say("problem", () => empty(title, element("p", {}, text, " ", code(problem.code)),
    ...problem.suggestions.slice(0, 2).map((each) => element("p", {}, each)),
    ...problem.fixes.slice(0, 2).map((each) => command(each.command))));
}

function showProblem(problem) {
  if (problem.code === "E004") explain(problem, "No project here yet", "CDE is not set up in this folder.");
  else explain(problem, "The project cannot be read", problem.message);
}

/** The address asks for something that there is not: it is said, by the name that the filter has. */
export function showRefusal(problem) {
  const { argument, reason } = problem.context;
  const filter = [...$("filters").elements].find((each) => each.name && each.name === argument);
  const label = filter?.closest("label")?.firstElementChild.textContent;
  explain({ ...problem, fixes: [], suggestions: [] }, problem.title, label ? `${label}: ${reason}.` : problem.message);
  $("clear").hidden = false;
}

function line(board) {
  if (board.found !== board.total) return `${figure(board.found)} of ${counted(board.total, "feature")}`;
  const closed = CLOSED.filter((each) => board.counts[each]);
  return [`${board.open ? figure(board.open) : "none"} open`, ...closed.map((each) => `${figure(board.counts[each])} ${each}`)].join(" · ");
}

function newcomer() {
  return empty(
    "No features yet",
    element("p", {}, $("acts").firstChild ? "Start one above, or in a terminal:" : "Start one here:"),
    command("cde start 'Add a login page with password reset'"),
    element("p", {}, "or ask your agent: “Start a CDE feature and follow its phases.”"),
  );
}

// ---- lanes ----

function makeLane(lane, by) {
  const title = by === null || lane.id === "done" ? TITLES[lane.id] ?? words(lane.id) : words(lane.id);
  const id = `lane-${[...lanes.keys()].length}`;
  const list = element("ul", { "aria-labelledby": id });
  const count = element("span", { class: "count" });
  const quiet = element("p", { class: "quiet muted" }, (by === null && QUIET[lane.id]) || "Nothing here");
  const more = element("button", { class: "plain more", type: "button", hidden: true });
  more.addEventListener("click", () => {
    step = Math.min(step + 1, MORE.length - 1);
    $("board").dispatchEvent(new CustomEvent("more"));
  });
  const rest = element("p", { class: "rest muted", hidden: true });
  const root = element("section", { class: "lane", "aria-labelledby": id, "data-lane": lane.id },
    element("h2", { title: lane.description || null }, element("span", { id }, title), " ", count),
    element("div", { class: "cards" }, list, quiet, more, rest));
  const tally = element("span", { class: "count" });
  const jump = element("button", { class: "plain", type: "button" }, (by === null && SHORT[lane.id]) || title, " ", tally);
  jump.addEventListener("click", () => root.scrollIntoView({ block: "nearest", inline: "start" }));
  return { root, count, tally, jump, quiet, more, rest, stack: new Stack(list, CARD, makeCard, fillCard) };
}

function fillLane(shown, lane, searched) {
  write(shown.count, figure(lane.count));
  write(shown.tally, figure(lane.count));
  attribute(shown.root, "data-empty", lane.count === 0 ? "" : null);
  shown.quiet.hidden = lane.count > 0 || searched;
  const hidden = lane.count - lane.cards.length;
  shown.more.hidden = hidden === 0 || step === MORE.length - 1;
  write(shown.more, `${figure(hidden)} more`);
  shown.rest.hidden = hidden === 0 || !shown.more.hidden;
  write(shown.rest, `and ${figure(hidden)} more: search or filter`);
  shown.stack.show(lane.cards, (card) => card.id);
}

// ---- cards ----

function makeCard(card) {
  const names = ["goal-line", "feature-name", "flow", "event", "who", "age", "phase-of", "badges"];
  const parts = Object.fromEntries(names.map((name) => [name, element("span", { class: name })]));
  const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
  const link = element("a", { class: "feature-card", href: `/dashboard/features/${encodeURIComponent(card.id)}` },
    parts["goal-line"], element("span", { class: "row name-row" }, parts["feature-name"], parts.flow), parts.event,
    element("span", { class: "standing" }, parts.who, parts.age, parts["phase-of"], parts.badges), bar);
  return Object.assign(element("li", {}, link), { parts, link, bar: bar.firstChild });
}

/** A text without the backticks of what is code in it. */
const plainly = (text) => text.replace(/`([^`\n]+)`/g, "$1");

function fillCard(member, card) {
  const { parts, link } = member;
  const open = !CLOSED.includes(card.status);
  const waits = card.lane === "waiting";
  write(parts["goal-line"], plainly(card.goal || card.name));
  write(parts["feature-name"], card.name);
  write(parts.flow, words(card.workflow));
  attribute(link, "title", `${card.goal}\n${card.event.text}`.slice(0, 400));
  attribute(link, "data-kind", !open ? card.status : waits ? "waiting" : card.event.kind);
  write(parts.event, plainly(waits && card.asks ? card.asks : card.event.text));
  attribute(parts.event, "title", `${card.event.by ? `${who(card.event.by)}, ` : ""}${absolute(card.event.at)}`);
  const works = open && (waits ? "person" : card.claim ? "agent" : byPhase ? "ready" : null);
  write(parts.who, { person: "waits for you", agent: card.claim?.agent, ready: "nobody yet" }[works] ?? "");
  attribute(parts.who, "data-who", works || null);
  const start = open ? card.phase_since ?? card.created_at : card.updated_at;
  showMoment(parts.age, start, (at) => (open ? `for ${duration(since(at))}` : ago(at)));
  write(parts["phase-of"], open && card.phase ? `${words(card.phase)} · ${card.step} of ${card.steps}` : words(card.status));
  const wanted = JSON.stringify(badges(card, open));
  if (member.wanted !== wanted) {
    member.wanted = wanted;
    parts.badges.replaceChildren(...badges(card, open).map(([text, tone, title]) => element("span", { class: "badge", "data-tone": tone, title }, text)));
  }
  member.bar.style.transform = `scaleX(${open ? (card.step - 1) / Math.max(card.steps, 1) : card.status === "completed" ? 1 : 0})`;
}

const VERDICTS = { proven: "ok", stale: "warning", broken: "critical", unproven: "muted" };

/** Attempt, check, verdict and cost: only what says something. */
function badges(card, open) {
  const found = [];
  if (card.reopened) found.push(["reopened", "accent", `by ${who(card.reopened.by)}, ${absolute(card.reopened.at)}; it was ${card.reopened.closed_as}`]);
  else if (open && card.attempts > 1) found.push([card.last_attempt ? `attempt ${card.attempts} of ${card.last_attempt}` : `attempt ${card.attempts}`, "warning", null]);
  if (open && card.check) found.push([card.check.passed ? "✓ check" : "✕ check", card.check.passed ? "ok" : "critical", `The check of ${words(card.check.phase)} ${card.check.passed ? "passed" : "did not pass"}, ${absolute(card.check.at)}`]);
  if (card.standing) found.push([`${card.standing}${card.waived ? `, ${card.waived} waived` : ""}`, VERDICTS[card.standing], null]);
  if (card.committed) found.push([`committed ${card.committed.commit.slice(0, 7)}`, "muted", `on branch ${card.committed.branch}`]);
  if (card.cost_usd !== null) found.push([`$${card.cost_usd.toFixed(2)}`, "muted", "What agents reported to have cost"]);
  return found;
}

// ---- keys: arrows go from card to card ----

$("board").addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".feature-card");
  if (!card || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const columns = [...lanes.values()].map((each) => [...each.root.querySelectorAll(".feature-card")]).filter((each) => each.length);
  const x = columns.findIndex((each) => each.includes(card));
  const y = columns[x].indexOf(card);
  const near = (column) => column?.[Math.min(y, column.length - 1)];
  const next = { ArrowDown: columns[x][y + 1], ArrowUp: columns[x][y - 1], ArrowRight: near(columns[x + 1]), ArrowLeft: near(columns[x - 1]), Home: columns[x][0], End: columns[x].at(-1) };
  if (!(event.key in next)) return;
  event.preventDefault();
  next[event.key]?.focus();
});

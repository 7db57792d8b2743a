// The features, a column for each phase. Cards slide to their places; nothing is laid out anew.
import { $, Stack, absolute, ago, attribute, command, duration, element, empty, showMoment, since, words, write } from "./base.js";

const CARD = 96;
const columns = new Map();
let nothing = null;

export function showBoard(board) {
  const place = $("board");
  if (board === null) {
    write($("board-line"), "");
    return;
  }
  write($("board-line"), line(board));
  const wanted = new Set(board.columns.map((each) => each.id));
  for (const [id, each] of columns) {
    if (wanted.has(id)) continue;
    each.root.remove();
    columns.delete(id);
  }
  board.columns.forEach((column, index) => {
    let shown = columns.get(column.id);
    if (!shown) columns.set(column.id, (shown = makeColumn(column)));
    if (place.children[index] !== shown.root) place.insertBefore(shown.root, place.children[index] ?? null);
    write(shown.count, column.count);
    attribute(shown.root, "data-empty", column.count === 0 ? "" : null);
    const hidden = column.count - column.cards.length;
    write(shown.rest, hidden > 0 ? `and ${hidden} more: cde list` : "");
    shown.stack.show(column.cards, (card) => card.id);
  });
  if (board.total === 0 && !nothing) place.append((nothing = newcomer()));
  if (board.total > 0 && nothing) {
    nothing.remove();
    nothing = null;
  }
}

function line(board) {
  const closed = ["completed", "failed", "cancelled"].filter((each) => board.counts[each]);
  return [`${board.open} open`, ...closed.map((each) => `${board.counts[each]} ${each}`)].join(" · ");
}

function newcomer() {
  const hint = empty(
    "No features yet",
    element("p", {}, "Start one here:"),
    command("cde start 'Add a login page with password reset'"),
    element("p", {}, "or ask your agent: “Start a CDE feature and follow its phases.”"),
  );
  hint.classList.add("over");
  return hint;
}

function makeColumn(column) {
  const list = element("ul", { "aria-label": `Features in ${words(column.id)}` });
  const count = element("span", { class: "count" });
  const rest = element("p", { class: "rest muted" });
  const root = element(
    "section",
    { class: "column", "aria-label": words(column.id), "data-closed": column.id === "closed" },
    element("h3", { title: column.description || null }, element("span", {}, words(column.id)), count),
    element("div", { class: "cards" }, list, rest),
  );
  return { root, count, rest, stack: new Stack(list, CARD, makeCard, fillCard) };
}

function makeCard(card) {
  const parts = {
    name: element("span", { class: "feature-name" }),
    badge: element("span", { class: "badge" }),
    event: element("span", { class: "event" }),
    age: element("span", { class: "age" }),
    holder: element("span", { class: "holder" }),
    bar: element("span", { class: "bar", "aria-hidden": "true" }, element("span")),
  };
  const link = element("a", { class: "feature-card", href: `/dashboard/features/${encodeURIComponent(card.id)}` },
    parts.name, parts.event, element("span", { class: "row" }, parts.age, parts.holder, parts.badge), parts.bar);
  const member = element("li", {}, link);
  Object.assign(member, { parts, link });
  return member;
}

function fillCard(member, card) {
  const { parts, link } = member;
  const open = card.phase !== null && !["completed", "failed", "cancelled"].includes(card.status);
  write(parts.name, card.name);
  attribute(link, "title", `${card.name}: ${card.event.text}`.slice(0, 300));
  attribute(link, "data-kind", open ? card.event.kind : card.status);
  const badge = card.status === "waits_for_person" ? "waits for a person" : open ? (card.attempts > 1 ? `attempt ${card.attempts}` : "") : card.standing ? `${card.status}, ${card.standing}${card.waived ? `, ${card.waived} waived` : ""}` : card.status;
  write(parts.badge, badge);
  attribute(parts.badge, "data-tone", { stale: "warning", broken: "critical" }[card.standing] ?? { completed: "ok", failed: "critical", cancelled: "muted" }[card.status] ?? "warning");
  write(parts.event, card.event.text);
  attribute(parts.event, "title", `${card.event.by ? `${card.event.by}, ` : ""}${absolute(card.event.at)}`);
  const start = open ? card.phase_since ?? card.created_at : card.updated_at;
  showMoment(parts.age, start, (at) => (open ? `${duration(since(at))}${card.claim || badge ? "" : " in phase"}` : ago(at)));
  write(parts.holder, card.claim ? card.claim.agent : "");
  attribute(parts.holder, "title", card.claim ? `${card.claim.agent} is working` : null);
  parts.bar.firstChild.style.transform = `scaleX(${open ? (card.step - 1) / Math.max(card.steps, 1) : card.status === "completed" ? 1 : 0})`;
}

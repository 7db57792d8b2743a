// Charts as SVG: an axis with labels, gaps where nothing ran, values by pointer, keys and as a table.
import { $, clean, element, figure, milliseconds, now, percent, write } from "./base.js";

const SPANS = { hour: 3600, day: 86400, week: 604800 };
const HEIGHT = 190;
const EDGE = { left: 52, right: 14, top: 10, bottom: 24 };
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const whole = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

const ran = (point) => point.operations > 0 || point.memory_mb !== null;
const CHARTS = [
  { title: "Throughput", about: "operations per second", show: (value) => `${figure(value)}/s`, least: 0.1, area: true,
    series: [{ label: "Operations", tone: "accent", of: (point) => (ran(point) ? point.operations_per_second : null) }] },
  { title: "Error rate", about: "operations that failed", show: percent, least: 0.05, most: 1, area: true,
    series: [{ label: "Errors", tone: "critical", of: (point) => (point.operations > 0 ? point.error_rate : null) }] },
  { title: "Latency", about: "per operation", show: milliseconds, least: 10, log: true,
    series: [
      { label: "p50", tone: "accent", of: (point) => point.p50_ms },
      { label: "p95", tone: "warning", of: (point) => point.p95_ms },
      { label: "p99", tone: "critical", of: (point) => point.p99_ms },
    ] },
];

let charts = null;

export function showCharts(history) {
  charts ??= CHARTS.map((each) => new Chart($("charts"), each));
  for (const chart of charts) chart.show(history);
}

function svg(tag, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}

function niceTop(value, least, most) {
  const wanted = Math.max(value * 1.08, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const top = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((each) => each * power).find((each) => each >= wanted * 0.9999);
  return most ? Math.min(top, most) : top;
}

class Chart {
  constructor(place, about) {
    Object.assign(this, { about, history: null, width: 0, chosen: null });
    this.values = about.series.map(() => element("span", { class: "value" }));
    this.plot = element("div", { class: "plot", tabindex: 0, role: "slider", "aria-orientation": "horizontal",
      "aria-label": `${about.title}, ${about.about}. Arrow keys move through time.`,
      "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "no data yet" });
    this.picture = svg("svg", { height: HEIGHT, "aria-hidden": "true", focusable: "false" });
    this.tip = element("div", { class: "tip", "aria-hidden": "true" });
    this.none = element("p", { class: "none muted" }, "No operations in this period.");
    this.plot.append(this.picture, this.none, this.tip);
    this.table = element("div", { class: "plot table", hidden: true, tabindex: 0, role: "group", "aria-label": `${about.title} as a table` });
    this.button = element("button", { class: "plain", type: "button", "aria-pressed": "false", onclick: () => this.turn() }, "Table");
    this.legend = element("p", { class: "legend" }, about.series.map((each, index) =>
      element("span", { class: "key" }, element("i", { class: `swatch tone-${each.tone}`, "aria-hidden": "true" }), `${each.label} `, this.values[index])));
    place.append(element("section", { class: "card chart", "aria-label": about.title },
      element("header", { class: "head" }, element("h3", {}, about.title), this.button), this.legend, this.plot, this.table));
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.choose(null));
    this.plot.addEventListener("keydown", (event) => this.press(event));
    this.plot.addEventListener("focus", () => this.plot.matches(":focus-visible") && this.chosen === null && this.choose(this.last));
    this.plot.addEventListener("blur", () => this.choose(null));
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && width !== this.width) {
        this.width = width;
        this.draw();
      }
    }).observe(this.plot);
  }

  get last() {
    return (this.history?.points.length ?? 0) - 1;
  }

  show(history) {
    this.history = history;
    this.end = Math.max(now(), ...history.points.slice(-1).map((each) => Date.parse(each.at)));
    if (this.chosen !== null && this.chosen > this.last) this.chosen = null;
    const newest = history.points.findLast((each) => each.operations > 0);
    this.about.series.forEach((each, index) => write(this.values[index], newest ? this.about.show(each.of(newest)) : "–"));
    this.draw();
    if (!this.table.hidden) this.list();
  }

  x(at) {
    const length = SPANS[this.history.span] * 1000;
    return EDGE.left + ((Date.parse(at) - (this.end - length)) / length) * (this.width - EDGE.left - EDGE.right);
  }

  /** Latencies lie decades apart: their axis is logarithmic, from 1 ms on. */
  y(value) {
    const share = this.about.log ? Math.log10(Math.max(value, 1)) / Math.log10(this.top) : value / this.top;
    return EDGE.top + (1 - Math.min(share, 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  }

  draw() {
    if (!this.history || !this.width) return;
    const { series, least, most, area, log } = this.about;
    const highest = Math.max(0, ...this.history.points.flatMap((point) => series.map((each) => each.of(point) ?? 0)));
    this.top = log ? 10 ** Math.ceil(Math.log10(Math.max(highest, least))) : niceTop(highest, least, most);
    this.plot.classList.toggle("nothing", !this.history.points.some(ran));
    const parts = [...this.lines(), ...this.times()];
    for (const each of series) {
      const { line, fill } = this.path(each.of);
      if (area) parts.push(svg("path", { d: fill, class: `fill tone-${each.tone}` }));
      parts.push(svg("path", { d: line, class: `line tone-${each.tone}` }));
    }
    this.cursor = svg("g", { class: "cursor" });
    parts.push(this.cursor);
    this.picture.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.picture.setAttribute("width", this.width);
    this.picture.replaceChildren(...parts);
    this.mark();
  }

  lines() {
    const decades = Math.round(Math.log10(this.top));
    const marks = this.about.log ? Array.from({ length: decades + 1 }, (_, power) => 10 ** power) : [0, this.top / 2, this.top];
    return marks.flatMap((mark, index) => {
      const y = this.y(mark);
      return [
        svg("line", { x1: EDGE.left, x2: this.width - EDGE.right, y1: y, y2: y, class: index ? "grid" : "axis" }),
        svg("text", { x: EDGE.left - 8, y: y + 4, class: "label end" }, this.about.show(mark)),
      ];
    });
  }

  times() {
    const { span } = this.history;
    const step = { hour: 900, day: 21600, week: 86400 }[span] * 1000 * (this.width < 300 && span === "week" ? 2 : 1);
    const zone = new Date(this.end).getTimezoneOffset() * 60000;
    const found = [];
    for (let at = Math.floor((this.end - zone) / step) * step + zone; at > this.end - SPANS[span] * 1000; at -= step) {
      const x = this.x(new Date(at).toISOString());
      if (x < EDGE.left + 14 || x > this.width - 22) continue;
      found.push(svg("text", { x, y: HEIGHT - 6, class: "label middle" }, (span === "week" ? weekday : clock).format(at)));
    }
    return found;
  }

  /** The line, and the area under it, broken where there is no value or no sample. */
  path(of) {
    const longest = this.history.step_seconds * 1500;
    const runs = [];
    let before = -Infinity;
    for (const point of this.history.points) {
      const value = of(point);
      const at = Date.parse(point.at);
      if (value !== null && value !== undefined && this.x(point.at) >= EDGE.left - 1) {
        if (at - before > longest) runs.push([]);
        runs.at(-1).push([this.x(point.at).toFixed(1), this.y(value).toFixed(1)]);
        before = at;
      } else before = -Infinity;
    }
    const base = this.y(0);
    const line = runs.map((run) => (run.length > 1 ? `M${run.map((each) => each.join(" ")).join("L")}` : `M${run[0].join(" ")}h.01`));
    const fill = runs.filter((run) => run.length > 1).map((run) => `M${run[0][0]} ${base}L${run.map((each) => each.join(" ")).join("L")}L${run.at(-1)[0]} ${base}Z`);
    return { line: line.join(""), fill: fill.join("") };
  }

  point(event) {
    if (this.last < 0) return;
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    let best = 0;
    this.history.points.forEach((point, index) => {
      if (Math.abs(this.x(point.at) - x) < Math.abs(this.x(this.history.points[best].at) - x)) best = index;
    });
    this.choose(best);
  }

  press(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || this.last < 0) return;
    event.preventDefault();
    this.choose(Math.min(Math.max((this.chosen ?? this.last) + step, 0), this.last));
  }

  choose(index) {
    this.chosen = index !== null && index >= 0 ? index : null;
    this.mark();
  }

  mark() {
    const point = this.chosen === null ? null : this.history.points[this.chosen];
    this.tip.classList.toggle("shown", Boolean(point));
    this.cursor?.replaceChildren();
    if (!point) return;
    const x = Math.max(this.x(point.at), EDGE.left);
    this.cursor.append(svg("line", { x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom, class: "hair" }));
    for (const each of this.about.series) {
      const value = each.of(point);
      if (value !== null && value !== undefined) this.cursor.append(svg("circle", { cx: x, cy: this.y(value), r: 3.5, class: `dot tone-${each.tone}` }));
    }
    const told = this.about.series.map((each) => `${each.label} ${this.about.show(each.of(point))}`);
    this.tip.replaceChildren(element("b", {}, whole.format(new Date(point.at))), ...told.map((each) => element("span", {}, each)));
    const left = Math.min(Math.max(x - this.tip.offsetWidth / 2, 0), this.width - this.tip.offsetWidth);
    this.tip.style.transform = `translate(${left}px, 0)`;
    for (const [name, value] of [["max", this.last], ["now", this.chosen], ["text", `${whole.format(new Date(point.at))}: ${told.join(", ")}`]]) {
      this.plot.setAttribute(`aria-value${name}`, clean(value));
    }
  }

  turn() {
    this.table.hidden = !this.table.hidden;
    this.plot.hidden = !this.table.hidden;
    this.button.setAttribute("aria-pressed", String(!this.table.hidden));
    if (!this.table.hidden) this.list();
  }

  list() {
    const rows = this.history.points.filter(ran).reverse().map((point) => element("tr", {},
      element("th", { scope: "row" }, whole.format(new Date(point.at))),
      this.about.series.map((each) => element("td", {}, this.about.show(each.of(point))))));
    const heads = ["Time", ...this.about.series.map((each) => each.label)].map((each) => element("th", { scope: "col" }, each));
    this.table.replaceChildren(element("table", {}, element("caption", { class: "hidden" }, `${this.about.title}, ${this.about.about}`),
      element("thead", {}, element("tr", {}, heads)), element("tbody", {}, rows)));
  }
}

// What a change moves glides to its new place: nothing jumps under whoever reads it.
const GLIDE = { id: "glide", duration: 260, easing: "ease-out" };
const LATE = 2000; // milliseconds after which a change waits for no other
const HEAD = 72; // pixels of the window below which a part is read

/** Where it is in the window; null where it is not shown. */
function place(each) {
  if (!each?.getClientRects().length) return null;
  const { left, top } = each.getBoundingClientRect();
  return { left, top };
}

/** Begin at the old place, and move once that was drawn, however late the browser is. */
function glide(each, from) {
  const way = each.animate([from, {}], GLIDE);
  way.pause();
  requestAnimationFrame(() => requestAnimationFrame(() => way.playState === "paused" && way.play()));
}

const gliders = () => document.getAnimations().filter(({ id }) => id === GLIDE.id);

/** Draw a change, once the last one is at its place. `movable()` gives what may move by it, by names that stay the same, whatever is around others first. */
export async function gliding(movable, draw) {
  const late = new Promise((done) => setTimeout(done, LATE));
  if (gliders().length) { // the end of the last one is drawn before anything else moves
    const ended = Promise.allSettled(gliders().map((each) => each.finished));
    await Promise.race([late, ended.then(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))))]);
  }
  const before = new Map([...movable()].map(([name, each]) => [name, place(each)]));
  draw();
  if (!document.body.classList.contains("ready")) return;
  const all = [...movable()].map(([name, each]) => [each, before.get(name) ?? null]);
  for (const each of gliders()) each.cancel();
  // What is read stays where it is in the window.
  const read = scrollY > 0 && all.find(([each, from]) => from?.top >= HEAD && place(each));
  if (read) scrollBy({ top: place(read[0]).top - read[1].top, behavior: "instant" });
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const moves = new Map(); // by how much each is drawn away from its place
  for (const [each, from] of all) {
    const to = place(each);
    if (from && to) moves.set(each, [from.left - to.left, from.top - to.top]);
    else if (to) glide(each, { opacity: 0 });
  }
  for (const [each, [x, y]] of moves) {
    let around = each.parentElement;
    while (around && !moves.has(around)) around = around.parentElement;
    const [aroundX, aroundY] = moves.get(around) ?? [0, 0];
    const [ownX, ownY] = [x - aroundX, y - aroundY];
    if (Math.max(Math.abs(ownX), Math.abs(ownY)) >= 1) glide(each, { transform: `translate(${ownX}px, ${ownY}px)` });
  }
}

// What a change moves glides to its new place: nothing jumps under whoever reads it.
const GLIDE = { id: "glide", duration: 260, easing: "ease-out" };
const HEAD = 72; // pixels of the window below which a part is read

/** Where it is in the window; null where it is not shown. */
function place(each) {
  if (!each?.getClientRects().length) return null;
  const { left, top } = each.getBoundingClientRect();
  return { left, top };
}

const gliders = () => document.getAnimations().filter(({ id }) => id === GLIDE.id);

/** Draw a change, once the last one is at its place. `movable()` gives what may move by it, by names that stay the same, whatever is around others first. */
export async function gliding(movable, draw) {
  await Promise.race([Promise.allSettled(gliders().map((each) => each.finished)), new Promise((late) => setTimeout(late, 2 * GLIDE.duration))]);
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
    else if (to) each.animate([{ opacity: 0 }, {}], GLIDE);
  }
  for (const [each, [x, y]] of moves) {
    let around = each.parentElement;
    while (around && !moves.has(around)) around = around.parentElement;
    const [aroundX, aroundY] = moves.get(around) ?? [0, 0];
    const [ownX, ownY] = [x - aroundX, y - aroundY];
    if (Math.max(Math.abs(ownX), Math.abs(ownY)) >= 1) each.animate([{ transform: `translate(${ownX}px, ${ownY}px)` }, {}], GLIDE);
  }
}

/**
 * Preloaded into a service (`NODE_OPTIONS=--import=...`): its clock goes wrong by CHAOS_CLOCK_SHIFT_MS milliseconds.
 * Only what it takes for the time is shifted; timers, which no real clock's error touches either, run as ever.
 */
const shift = Number(process.env.CHAOS_CLOCK_SHIFT_MS ?? 0);
const TrueDate = Date;

globalThis.Date = new Proxy(TrueDate, {
  construct: (_, given, newTarget) =>
    Reflect.construct(TrueDate, given.length === 0 ? [TrueDate.now() + shift] : given, newTarget),
  apply: () => new TrueDate(TrueDate.now() + shift).toString(),
  get: (target, name) => (name === "now" ? () => TrueDate.now() + shift : Reflect.get(target, name)),
});

import type { BusRecord, Ends, Offset, Partition, Reading, View, ViewOptions } from "../port.ts";
import { PositionWaiters } from "../waiters.ts";
import type { Core, Participant } from "./core.ts";
import type { Cursor } from "./cursor.ts";
import { Reader } from "./reader.ts";
import type { Topic } from "./topics.ts";

/** Reads whole topics without a group: see Bus.view. */
export async function startView(
  core: Core,
  options: ViewOptions,
  fold: (record: BusRecord) => void,
): Promise<View> {
  const topics = options.topics.map((name) => core.topics.get(name));
  const ends = await core.ask("starting a view", () => core.lookups.ends(topics));
  const view = new KafkaView(core, options, topics, ends, fold);
  core.add(view);
  return view;
}

class KafkaView implements View, Participant {
  readonly failed: Promise<never>;
  readonly #core: Core;
  readonly #name: string | undefined;
  readonly #topics: readonly Topic[];
  readonly #reader: Reader;
  readonly #cursors = new Map<string, Cursor[]>();
  readonly #waiters: PositionWaiters<Cursor>;
  #over = false;

  constructor(
    core: Core,
    options: ViewOptions,
    topics: readonly Topic[],
    ends: ReadonlyMap<string, Ends>,
    fold: (record: BusRecord) => void,
  ) {
    this.#core = core;
    this.#name = options.member;
    this.#waiters = new PositionWaiters(core.clock);
    this.#topics = topics;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#reader = new Reader(core.readers, `view:${options.member ?? options.topics.join()}`, {
      failed: (error) => {
        this.#end();
        reject(error);
      },
      afterTurn: () => this.#waiters.answer(),
      gatherMs: options.gatherMs,
    });
    for (const topic of topics) {
      const { name } = topic.spec;
      const cursors = [...(ends.get(name) ?? [])].map(([partition, bounds]) =>
        this.#reader.read(topic, partition, start(options, name, partition, bounds), { handle: fold }),
      );
      this.#cursors.set(name, cursors);
    }
  }

  position(topic: string): Map<Partition, Offset> {
    const cursors = this.#cursors.get(topic);
    if (!cursors) throw new TypeError(`this view does not read "${topic}"`);
    return new Map(cursors.map((cursor) => [cursor.partition, cursor.position]));
  }

  *readings(): Iterable<Reading> {
    if (this.#name === undefined) return;
    for (const [topic, cursors] of this.#cursors)
      for (const { partition, position } of cursors)
        yield { reader: this.#name, topic, partition, next: position };
  }

  async caughtUp(ms?: number): Promise<boolean> {
    const deadline = ms === undefined ? undefined : this.#core.clock.now() + ms;
    if (this.#over) return false;
    const asked = this.#core.ask("asking for the ends", () => this.#core.lookups.ends(this.#topics));
    const ends = await (ms === undefined ? asked : this.#sooner(asked, ms));
    if (!ends || this.#over) return false;
    return this.#wait(ends, deadline);
  }

  async stop(): Promise<void> {
    this.#end();
  }

  /** What `answer` resolves with, or undefined once `ms` have passed. */
  #sooner<T>(answer: Promise<T>, ms: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#core.clock.after(ms, () => resolve(undefined));
      answer.then(resolve, reject).finally(() => timer.clear());
    });
  }

  #wait(ends: ReadonlyMap<string, Ends>, deadline: number | undefined): Promise<boolean> {
    const wanted = new Map(
      [...this.#cursors].flatMap(([topic, cursors]) =>
        cursors.map((cursor) => [cursor, ends.get(topic)?.get(cursor.partition)?.end ?? 0] as const),
      ),
    );
    const ms = deadline === undefined ? undefined : Math.max(0, deadline - this.#core.clock.now());
    return this.#waiters.wait(wanted, ms);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.close();
    this.#core.remove(this);
    this.#waiters.end();
  }
}

function start(
  options: ViewOptions,
  topic: string,
  partition: Partition,
  { low, end }: { low: Offset; end: Offset },
): Offset {
  if (options.from === "low") return low;
  if (options.from === "end") return end;
  const from = options.from.get(topic)?.get(partition) ?? low;
  return Math.min(Math.max(from, low), end);
}

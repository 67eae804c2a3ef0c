import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Offset } from "../port.ts";
import { ReadyCursors } from "../ready-cursors.ts";
import type { Client, Participant } from "./client.ts";
import { Cursor, type CursorOptions } from "./cursor.ts";
import type { PartitionLog } from "./log.ts";

/** Gives readers that have something to read their turns, on the event loop and in order. */
export class Dispatcher {
  readonly #defer: (run: () => void) => void;
  #queue: Reader[] = [];
  #scheduled = false;

  constructor(defer: (run: () => void) => void) {
    this.#defer = defer;
  }

  enqueue(reader: Reader): void {
    this.#queue.push(reader);
    this.#schedule();
  }

  /** Does `stir`, then gives all that it woke a turn at once, without another round of the event loop. */
  deliver(stir: () => void): void {
    const scheduled = this.#scheduled;
    this.#scheduled = true;
    stir();
    this.#scheduled = scheduled;
    this.run();
  }

  /** Gives each waiting reader one turn, now. */
  run(): void {
    const readers = this.#queue;
    this.#queue = [];
    for (const reader of readers) reader.turn();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      this.run();
    });
  }
}

/** What a reader needs of its surroundings. */
export interface ReaderContext {
  clock: Clock;
  dispatcher: Dispatcher;
  /** Milliseconds that this reader's next delivery is held back (a fault of the simulator). */
  deliveryDelayMs?(reader: string): number;
}

/** A set of cursors whose handlers are called in turns, only while the client is running. */
export class Reader implements Participant {
  readonly name: string;
  readonly #context: ReaderContext;
  readonly #client: Client;
  readonly #onFailure: (error: unknown) => void;
  readonly #afterTurn: (() => void) | undefined;
  readonly #ready = new ReadyCursors<Cursor>();
  readonly #cursors = new Set<Cursor>();
  #waiting = false;
  #delay: Timer | undefined;
  #closed = false;

  /** `onFailure` is called once with what a handler or the file threw; the reader is closed by then. */
  constructor(
    context: ReaderContext,
    client: Client,
    name: string,
    onFailure: (error: unknown) => void,
    afterTurn?: () => void,
  ) {
    this.#context = context;
    this.#client = client;
    this.name = name;
    this.#onFailure = onFailure;
    this.#afterTurn = afterTurn;
    client.add(this);
  }

  /** Reads `log` from `from`, clamped to what is stored. */
  read(log: PartitionLog, from: Offset, options: CursorOptions): Cursor {
    const cursor = new Cursor(this, log, Math.min(Math.max(from, log.low), log.end), options);
    this.#cursors.add(cursor);
    this.notify(cursor);
    return cursor;
  }

  drop(cursor: Cursor): void {
    cursor.close();
    this.#cursors.delete(cursor);
    this.#ready.delete(cursor);
  }

  notify(cursor: Cursor): void {
    if (this.#closed || cursor.closed) return;
    this.#ready.add(cursor);
    if (this.#waiting || !this.#client.running) return;
    this.#waiting = true;
    const delay = this.#context.deliveryDelayMs?.(this.name) ?? 0;
    if (delay > 0) {
      this.#delay = this.#context.clock.after(delay, () => this.#context.dispatcher.enqueue(this));
    } else {
      this.#context.dispatcher.enqueue(this);
    }
  }

  /** Called by the dispatcher. */
  turn(): void {
    this.#waiting = false;
    if (this.#closed || !this.#client.running) return;
    try {
      this.#drainReady();
      this.#afterTurn?.();
    } catch (error) {
      this.close();
      this.#onFailure(error);
    }
  }

  #drainReady(): void {
    this.#ready.turn();
    if (this.#ready.first && !this.#waiting && !this.#closed) {
      this.#waiting = true;
      this.#context.dispatcher.enqueue(this);
    }
  }

  resumed(): void {
    for (const cursor of this.#cursors) this.notify(cursor);
  }

  dropped(): void {
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#delay?.clear();
    for (const cursor of this.#cursors) cursor.close();
    this.#cursors.clear();
    this.#client.remove(this);
  }
}

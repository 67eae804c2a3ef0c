import type { TenantCaller } from "../access.ts";
import { versionOf } from "../views/runs/changes.ts";
import { isOver } from "../views/runs/row.ts";
import type { RunsView } from "../views/runs/view.ts";
import { changeEvent, type SentEvent, snapshotEvent } from "./run-events.ts";

/** Where a stream's text goes. */
export interface Sink {
  /** False once its buffer is full: nothing more is written until `drained` is called. */
  write(text: string): boolean;
  /** Ends the answer. */
  end(): void;
  /** Closes the connection at once. */
  drop(): void;
}

/** What a client asks to follow. */
export interface Followed {
  caller: TenantCaller;
  runId: string;
  /** The version that the client has; -1: none. */
  after: number;
}

/**
 * One client's stream of a run. It keeps the version that it has written and nothing else: what comes next is taken
 * from the view when the connection has room for it, so a slow reader costs no memory.
 */
export class Feed {
  readonly followed: Followed;
  readonly #runs: RunsView;
  readonly #now: () => number;
  readonly #closed: (feed: Feed) => void;
  #sent: number;
  #sink: Sink | undefined;
  #unwatch = () => {};
  /** When something was last written, and since when the connection has no room; Unix milliseconds. */
  #writtenAt = 0;
  #fullSince: number | null = null;

  /** `closed` is called once, however the stream ends. */
  constructor(followed: Followed, runs: RunsView, now: () => number, closed: (feed: Feed) => void) {
    this.followed = followed;
    this.#runs = runs;
    this.#now = now;
    this.#closed = closed;
    this.#sent = followed.after;
  }

  /** Begins to write. */
  start(sink: Sink): void {
    const { caller, runId } = this.followed;
    this.#sink = sink;
    this.#unwatch = this.#runs.watch(caller.tenantId, runId, () => this.#pump());
    this.#write("retry: 1000\n\n");
    this.#pump();
  }

  /** The connection has room again. */
  drained(): void {
    this.#fullSince = null;
    this.#pump();
  }

  /** Writes a comment where nothing was written for `ms`, so that both ends know the connection alive. */
  heartbeat(ms: number): void {
    if (this.#fullSince === null && this.#now() - this.#writtenAt >= ms) this.#write(":\n\n");
  }

  /** For how long the connection has had no room, in milliseconds. */
  get fullForMs(): number {
    return this.#fullSince === null ? 0 : this.#now() - this.#fullSince;
  }

  /** Ends the answer; where the connection has no room, there is no waiting for it. */
  end(): void {
    if (this.#fullSince === null) this.#sink?.end();
    else this.#sink?.drop();
    this.close();
  }

  drop(): void {
    this.#sink?.drop();
    this.close();
  }

  /** The connection is gone. */
  close(): void {
    this.#unwatch();
    this.#sink = undefined;
    this.#closed(this);
  }

  #pump(): void {
    while (this.#sink !== undefined && this.#fullSince === null) {
      const next = this.#next();
      if (next === "nothing") return;
      if (next === "over") {
        this.end();
        return;
      }
      for (const { version, text } of next) {
        if (this.#fullSince !== null) return;
        this.#sent = version;
        this.#write(text);
      }
    }
  }

  #next(): SentEvent[] | "nothing" | "over" {
    const { caller, runId } = this.followed;
    const row = this.#runs.get(caller.tenantId, runId);
    if (row === undefined) return "over";
    const version = versionOf(row);
    if (version <= this.#sent) return isOver(row) ? "over" : "nothing";
    const changes = this.#sent < 0 ? null : this.#runs.changesSince(caller.tenantId, runId, this.#sent);
    return changes?.map(changeEvent) ?? [snapshotEvent(row, version, caller.tenantName)];
  }

  #write(text: string): void {
    this.#writtenAt = this.#now();
    if (this.#sink?.write(text) === false) this.#fullSince = this.#now();
  }
}

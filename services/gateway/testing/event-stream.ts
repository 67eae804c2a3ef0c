import { EventSourceParserStream } from "eventsource-parser/stream";

/** A server-sent event, its data read. */
export interface ReadEvent {
  id: number;
  event: string | undefined;
  data: Record<string, unknown>;
}

/** A client's end of a stream of events. */
export interface EventReader {
  status: number;
  headers: Headers;
  /** The next event; null once the stream has ended. Rejects where the connection broke. */
  next(): Promise<ReadEvent | null>;
  /** All events up to the end. */
  rest(): Promise<ReadEvent[]>;
  /** How many comments came. */
  comments(): number;
  /** Leaves, as a client that goes away. */
  leave(): void;
}

/** Connects to a stream of events. */
export async function readEvents(url: string, headers: Record<string, string>): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  let comments = 0;
  const parser = new EventSourceParserStream({
    onComment() {
      comments += 1;
    },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(parser).getReader();
  const next = async (): Promise<ReadEvent | null> => {
    const { value } = (await reader?.read()) ?? {};
    if (value === undefined) return null;
    return { id: Number(value.id), event: value.event, data: JSON.parse(value.data) };
  };
  return {
    status: response.status,
    headers: response.headers,
    next,
    async rest() {
      const events: ReadEvent[] = [];
      for (let event = await next(); event !== null; event = await next()) events.push(event);
      return events;
    },
    comments: () => comments,
    leave: () => leaving.abort(),
  };
}

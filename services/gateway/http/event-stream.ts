import type { Response } from "express";
import type { Feed } from "../events/feed.ts";

/** True for an answer that sendEvents began. */
export function isEventStream(response: Response): boolean {
  return String(response.getHeader("Content-Type")).startsWith("text/event-stream");
}

/** Answers with a feed's events until either side ends it. Whatever happens, the feed is closed in the end. */
export function sendEvents(response: Response, feed: Feed): void {
  const { socket } = response;
  if (response.closed || socket === null || socket.destroyed) {
    feed.close();
    return;
  }
  response.once("close", () => feed.close());
  response.on("drain", () => feed.drained());
  response.statusCode = 200;
  response.setHeader("Content-Type", "text/event-stream; charset=utf-8");
  // Buffering proxies (nginx) hand it on at once.
  response.setHeader("X-Accel-Buffering", "no");
  // A stream that the gateway ends must not keep it from stopping.
  response.setHeader("Connection", "close");
  if (response.req.method === "HEAD") {
    response.end();
    return;
  }
  // An event is small, and is to arrive now.
  socket.setNoDelay(true);
  response.flushHeaders();
  feed.start({
    write: (text) => response.write(text),
    end: () => response.end(),
    drop: () => response.destroy(),
  });
}

// A process whose parts behave as its first argument says, for lifecycle.test.ts.
import { runUntilSignal } from "../lifecycle.ts";
import { logger } from "../log.ts";
import { StartError } from "../start-error.ts";

const behaviour = process.argv[2];
const say = (text: string) => process.stdout.write(`${text}\n`);

await runUntilSignal(
  logger({ level: "info", service: "test" }),
  async (parts) => {
    await parts.start(
      "bus",
      () => say("start bus"),
      () => void say("stop bus"),
    );
    if (behaviour === "start-error")
      throw new StartError("port 80 is taken\nby acme_api_0123456789abcdef", "Free it.");
    if (behaviour === "start-bug") throw new TypeError("a bug");
    await parts.start(
      "gateway",
      () => say("start gateway"),
      async () => {
        say("stop gateway");
        if (behaviour === "hang") await new Promise(() => {});
        if (behaviour === "stop-error") throw new Error("cannot stop");
      },
    );
    say("ready");
    if (behaviour === "rejection") Promise.reject(new Error("nobody handles acme_api_0123456789abcdef"));
    if (behaviour === "exception")
      setTimeout(() => {
        throw new Error("thrown");
      }, 0);
  },
  behaviour === "hang" ? 200 : undefined,
);

import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** How long a test may take before it is named, in milliseconds. */
const SLOW_MS = 10_000;

/** A test reporter for `npm test`: a dot a test, slow ones and failures by name, and the runner's closing lines. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    switch (event.type) {
      case "test:pass":
        yield event.data.details.type === "suite" ? "" : ".";
        if (event.data.details.duration_ms > SLOW_MS)
          yield `\n${named(event.data)}: ${seconds(event.data)}\n`;
        break;
      case "test:fail":
        yield `\n✖ ${named(event.data)}\n${inspect(event.data.details.error.cause ?? event.data.details.error)}\n`;
        break;
      case "test:stderr":
        yield event.data.message;
        break;
      case "test:diagnostic":
        if (event.data.nesting === 0) yield `\nℹ ${event.data.message}`;
        break;
      default:
        break;
    }
  }
  yield "\n";
}

function named({ name, file }: { name: string; file?: string | undefined }): string {
  return `${name} (${file ?? "no file"})`;
}

function seconds({ details }: { details: { duration_ms: number } }): string {
  return `${(details.duration_ms / 1_000).toFixed(1)} s`;
}

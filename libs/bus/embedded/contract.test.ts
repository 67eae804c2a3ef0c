import { describeBusContract } from "../contract-suite.ts";
import { embeddedHarness } from "./testing/harness.ts";

describeBusContract("embedded, on a file", embeddedHarness("file"));
describeBusContract("embedded, in memory", embeddedHarness("memory"));

export { type AllowedRanges, allowedRanges } from "./addresses.ts";
export { OutboundError } from "./errors.ts";
export { type Outbound, type OutboundRequest, type OutboundResponse, outbound } from "./outbound.ts";

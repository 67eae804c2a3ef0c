/**
 * Why a request to the outside gave no answer.
 * - refused: the address may not be asked; nothing was sent there
 * - invalid: no URL that can be asked, or an answer that cannot be taken
 * - unreachable: no connection, or it broke
 * - timeout, too_large: beyond the request's limits
 * - aborted: the caller's signal
 */
export type OutboundReason = "refused" | "invalid" | "unreachable" | "timeout" | "too_large" | "aborted";

/**
 * A failed request to the outside. The message names no address that a name resolved to: it is told to the tenant, and
 * the inside's names are not the tenant's to learn.
 */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly reason: OutboundReason;
  /** Whether asking again may succeed. The request may have had its effect all the same. */
  readonly transient: boolean;
  constructor(reason: OutboundReason, message: string) {
    super(message);
    this.reason = reason;
    this.transient = reason === "unreachable" || reason === "timeout";
  }
}

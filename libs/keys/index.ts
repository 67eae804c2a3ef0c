export * from "./api-key.ts";
export * from "./credential.ts";
export { envelopeEncryption } from "./envelope.ts";
export { hpkeSealing } from "./hpke-sealing.ts";
export { localKeyRing } from "./local-key-ring.ts";
export { meteredKeyEncryption } from "./metered.ts";
export * from "./port.ts";
export { simulatedSealing } from "./simulated-sealing.ts";

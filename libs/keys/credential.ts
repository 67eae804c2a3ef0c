/** What kinds of secret a tenant may store, and what a step does with each. */
export const CREDENTIAL_TYPES = [
  "api_key",
  "bearer",
  "basic",
  "header",
  "service_account_json",
  "webhook_secret",
] as const;
export type CredentialType = (typeof CREDENTIAL_TYPES)[number];

/** The longest secret, in bytes of UTF-8. */
export const MAX_CREDENTIAL_BYTES = 65_536;

/** What a credential is called. Lower case, so that no two differ by case alone. */
export const CREDENTIAL_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Visible ASCII: what an HTTP header may carry without being split. */
const TOKEN = /^[\x21-\x7e]+$/;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+: ?[\x20-\x7e]*[\x21-\x7e]$/;
/** The signing secret of Standard Webhooks: 24 to 64 random bytes in base64. */
const WEBHOOK = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;
/** Headers that say how a message is framed or where it goes: no secret. */
const FRAMING = /^(host|content-length|transfer-encoding|connection|te|trailer|upgrade|expect|cookie)$/i;

export function isCredentialType(text: string): text is CredentialType {
  return CREDENTIAL_TYPES.some((type) => type === text);
}

/** Binds a credential's ciphertext to its place. */
export function credentialAad(tenantId: string, credentialId: string): string {
  return `${tenantId}|${credentialId}|cloud-credential`;
}

/** Binds a credential on its way to tenant-service to the command that carries it. */
export function sealedCredentialAad(tenantId: string, name: string, commandId: string): string {
  return `${tenantId}|${name}|${commandId}|set-credential`;
}

/** What is wrong with a secret of this type, without any of it; null for nothing. Pure. */
export function credentialFault(type: CredentialType, value: string): string | null {
  if (Buffer.byteLength(value, "utf8") > MAX_CREDENTIAL_BYTES) return "at most 65536 bytes (64 KiB)";
  switch (type) {
    case "api_key":
    case "bearer":
      return TOKEN.test(value) ? null : "visible ASCII characters without blanks, at least one";
    case "basic":
      return /^[^:\p{Cc}]+:[^\p{Cc}]*$/u.test(value) ? null : "user:password, without control characters";
    case "header":
      return headerFault(value);
    case "service_account_json":
      return serviceAccountOf(value) === null
        ? "the JSON key file of a service account: type service_account, with client_email and private_key"
        : null;
    case "webhook_secret": {
      const bytes = Buffer.from(WEBHOOK.exec(value)?.[1] ?? "", "base64").length;
      return bytes >= 24 && bytes <= 64 ? null : "whsec_ and 24 to 64 random bytes in base64";
    }
  }
}

function headerFault(value: string): string | null {
  if (!HEADER.test(value)) return "one header as Name: value, in visible ASCII";
  return FRAMING.test(value.slice(0, value.indexOf(":")))
    ? "a header that identifies, not one of framing"
    : null;
}

/** What is used of a service account's key file. */
export interface ServiceAccount {
  client_email: string;
  /** PKCS #8, PEM. */
  private_key: string;
  private_key_id: string | null;
}

/** A service account's key file; null for anything else. */
export function serviceAccountOf(value: string): ServiceAccount | null {
  let file: unknown;
  try {
    file = JSON.parse(value);
  } catch {
    return null;
  }
  if (typeof file !== "object" || file === null) return null;
  if (!("type" in file) || file.type !== "service_account") return null;
  if (!("client_email" in file) || typeof file.client_email !== "string") return null;
  if (!("private_key" in file) || typeof file.private_key !== "string") return null;
  if (!file.private_key.startsWith("-----BEGIN PRIVATE KEY-----")) return null;
  const id = "private_key_id" in file ? file.private_key_id : null;
  const { client_email, private_key } = file;
  return { client_email, private_key, private_key_id: typeof id === "string" ? id : null };
}

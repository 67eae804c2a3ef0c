import { CREDENTIAL_NAME, CREDENTIAL_TYPES, MAX_CREDENTIAL_BYTES } from "@convergence/keys/credential.ts";
import { z } from "zod";
import { defineRoute } from "../define-route.ts";
import { tenantParams, time } from "../schemas.ts";

const name = z
  .string()
  .regex(CREDENTIAL_NAME, "1 to 63 lower-case letters, digits, - and _, beginning with a letter or digit")
  .meta({ description: "What templates call it.", example: "vendor-api" });

const params = tenantParams.extend({ name });

const credential = z
  .object({
    name: z.string(),
    provider: z.string(),
    credential_type: z.string(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Credential", description: "A credential, without its secret: that is never shown again." });

export const setCredential = defineRoute({
  method: "put",
  path: "/api/v1/customers/{tenant_id}/credentials/{name}",
  operationId: "setCredential",
  summary: "Store a credential",
  description:
    "In place of the one of this name, if there is one. Write-only: it is encrypted, and only the steps that name it " +
    "get it. When it is answered, the next step gets the new one. A repeat with the same Idempotency-Key stores " +
    "nothing again; the value is not compared, so send a new key with a new value.",
  tag: "customers",
  who: "admin or tenant",
  scope: "admin",
  idempotent: true,
  params,
  body: z.strictObject({
    provider: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,49}$/, "1 to 50 lower-case letters, digits, - and _")
      .meta({ description: "Whose it is.", example: "openai" }),
    credential_type: z.enum(CREDENTIAL_TYPES).meta({
      description:
        "api_key and bearer: the token. basic: user:password. header: Name: value. service_account_json: Google's key " +
        "file. webhook_secret: whsec_ and base64.",
    }),
    value: z
      .string()
      .min(1, "the secret")
      .max(MAX_CREDENTIAL_BYTES, "at most 65536 bytes (64 KiB)")
      .meta({ writeOnly: true, format: "password" }),
  }),
  success: { status: 200, description: "Stored, and in force.", schema: credential },
  problems: [401, 403, 404, 409, 422, 503],
  async handle({ gateway, caller, params, body, head }) {
    return {
      status: 200,
      body: await gateway.setCredential(caller, params.tenant_id, params.name, body, head),
    };
  },
});

export const listCredentials = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}/credentials",
  operationId: "listCredentials",
  summary: "List a customer's credentials",
  description: "By name; no secret.",
  tag: "customers",
  who: "admin or tenant",
  scope: "read",
  params: tenantParams,
  success: {
    status: 200,
    description: "The credentials.",
    schema: z.object({ tenant_id: z.string(), credentials: z.array(credential) }),
  },
  problems: [401, 403, 404],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.listCredentials(caller, params.tenant_id) };
  },
});

export const readCredential = defineRoute({
  method: "get",
  path: "/api/v1/customers/{tenant_id}/credentials/{name}",
  operationId: "readCredential",
  summary: "Look at a credential",
  description: "What it is called and when it was set; never its secret.",
  tag: "customers",
  who: "admin or tenant",
  scope: "read",
  params,
  success: { status: 200, description: "The credential.", schema: credential },
  problems: [401, 403, 404, 422],
  async handle({ gateway, caller, params }) {
    return { status: 200, body: await gateway.readCredential(caller, params.tenant_id, params.name) };
  },
});

export const deleteCredential = defineRoute({
  method: "delete",
  path: "/api/v1/customers/{tenant_id}/credentials/{name}",
  operationId: "deleteCredential",
  summary: "Delete a credential",
  description: "When it is answered, no step that begins gets it. Steps that name it fail from then on.",
  tag: "customers",
  who: "admin or tenant",
  scope: "admin",
  params,
  success: { status: 204, description: "Deleted.", schema: null },
  problems: [401, 403, 404, 422, 503],
  async handle({ gateway, caller, params, head }) {
    await gateway.deleteCredential(caller, params.tenant_id, params.name, head);
    return { status: 204 };
  },
});

/** What the tests of k8s/ read out of it: kustomizations and manifests, in the shape that all of ours have. */
import { z } from "zod";
import { documents, yaml } from "./deployment-files.ts";

/** A Kubernetes manifest, as far as all kinds have it. */
export const manifest = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
  spec: z.record(z.string(), z.unknown()).optional(),
  automountServiceAccountToken: z.boolean().optional(),
});
export type Manifest = z.output<typeof manifest>;

export const labels = z.record(z.string(), z.string());
export const NAME = "app.kubernetes.io/name";
export const PART_OF = "app.kubernetes.io/part-of";

const kustomization = z.strictObject({
  apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
  kind: z.literal("Kustomization"),
  namespace: z.literal("convergence").optional(),
  resources: z.array(z.string()),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: z.string(),
        behavior: z.literal("merge").optional(),
        literals: z.array(z.string().regex(/^[A-Z_]+=/)),
      }),
    )
    .default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })).default([]),
  replicas: z.array(z.strictObject({ name: z.string(), count: z.int().min(2) })).default([]),
  patches: z
    .array(
      z.strictObject({
        path: z.string(),
        target: z.strictObject({ kind: z.string(), name: z.string().optional() }),
      }),
    )
    .default([]),
});

/** The kustomization of a folder. */
export function overlay(folder: string) {
  return kustomization.parse(yaml(`${folder}/kustomization.yaml`));
}

/** The manifests of a folder's own files. */
export function manifests(folder: string): Manifest[] {
  return overlay(folder)
    .resources.filter((file) => file.endsWith(".yaml"))
    .flatMap((file) => documents(`${folder}/${file}`))
    .map((document) => manifest.parse(document));
}

/** What the ConfigMap that a folder makes has, or adds. */
export function literals(folder: string): Record<string, string> {
  return Object.fromEntries(
    overlay(folder).configMapGenerator.flatMap(({ literals: set }) =>
      set.map((literal) => {
        const at = literal.indexOf("=");
        return [literal.slice(0, at), literal.slice(at + 1)];
      }),
    ),
  );
}

const secretRef = z.strictObject({ name: z.string(), key: z.string() });
const probe = z.object({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) });
const container = z.object({
  name: z.string(),
  image: z.string(),
  envFrom: z.array(z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) })).default([]),
  env: z
    .array(
      z.strictObject({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.strictObject({ secretKeyRef: secretRef }).optional(),
      }),
    )
    .default([]),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  resources: z.object({
    requests: z.object({ cpu: z.string(), memory: z.string() }),
    limits: z.object({ memory: z.string() }),
  }),
  // With the pod's: the restricted profile of Pod Security.
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const podSpec = z.object({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.int().min(15),
  securityContext: z.object({
    runAsNonRoot: z.literal(true),
    runAsUser: z.literal(1000),
    seccompProfile: z.strictObject({ type: z.literal("RuntimeDefault") }),
  }),
  containers: z.tuple([container]),
  volumes: z.array(z.object({ name: z.string(), secret: z.object({ secretName: z.string() }).optional() })),
});
/** The spec of a Deployment or StatefulSet. */
export const workload = z.object({
  replicas: z.int(),
  selector: z.strictObject({ matchLabels: labels }),
  template: z.object({ metadata: z.object({ labels }), spec: podSpec }),
  volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })).default([]),
});

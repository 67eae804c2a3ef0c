# The whole platform in one process: gateway, services, embedded bus, local BigQuery. See docs/OPERATIONS.md.
FROM node:26-slim

ENV NODE_ENV=production
WORKDIR /app

# Manifests first, so that a change of the sources leaves the installed packages in the build cache.
COPY package.json package-lock.json .npmrc ./
COPY libs/bus/package.json libs/bus/
COPY libs/contracts/package.json libs/contracts/
COPY libs/keys/package.json libs/keys/
COPY libs/local-bigquery/package.json libs/local-bigquery/
COPY libs/log/package.json libs/log/
COPY libs/pipeline/package.json libs/pipeline/
COPY libs/run/package.json libs/run/
COPY libs/runtime/package.json libs/runtime/
COPY libs/tenant/package.json libs/tenant/
COPY libs/warehouse/package.json libs/warehouse/
COPY libs/writer/package.json libs/writer/
COPY services/gateway/package.json services/gateway/
COPY services/pipeline-service/package.json services/pipeline-service/
COPY services/step-runner/package.json services/step-runner/
COPY services/tenant-service/package.json services/tenant-service/
# No install scripts: the only one fetches a Node binary, and this image has one.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

COPY libs libs
COPY services services
COPY configs configs
COPY cli cli

# The platform makes the folder below with mode 0700.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data

# Any address but loopback: the platform then starts only with ADMIN_API_KEY set.
ENV HOST=0.0.0.0 \
    PORT=8080 \
    LOCAL_BIGQUERY_PORT=9050 \
    CONVERGENCE_DATA_DIR=/data/convergence \
    CONVERGENCE_CONFIGS_DIR=/app/configs

# 9050 is the local BigQuery: it asks for no credentials, so publish it to nobody who may not read all tenants' data.
EXPOSE 8080 9050

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# Node strips the types; as process 1 it handles SIGTERM itself.
CMD ["node", "cli/start.ts"]

# One target a service: gateway, tenant-service, pipeline-service, step-runner, local-bigquery, and `embedded`, the whole
# platform in one process: docker build --target gateway -t convergence-gateway:0.1.0 . See docs/OPERATIONS.md.
FROM node:26-bookworm-slim AS packages
WORKDIR /app
# Manifests alone, so that a change of the sources leaves the installed packages in the build cache.
COPY package.json package-lock.json .npmrc ./
COPY libs/bus/package.json libs/bus/
COPY libs/contracts/package.json libs/contracts/
COPY libs/cron/package.json libs/cron/
COPY libs/keys/package.json libs/keys/
COPY libs/local-bigquery/package.json libs/local-bigquery/
COPY libs/log/package.json libs/log/
COPY libs/outbound/package.json libs/outbound/
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
# No install scripts: the only one fetches a Node binary, and these images have one.
RUN npm ci --omit=dev --ignore-scripts

# The services without DuckDB: only the local BigQuery needs it.
FROM packages AS service-packages
RUN rm -rf node_modules/@duckdb

FROM node:26-bookworm-slim AS base
ENV NODE_ENV=production
WORKDIR /app
# Folders made below it have mode 0700.
RUN mkdir /data && chown node:node /data
COPY package.json ./
COPY libs libs
COPY services services
COPY configs configs
COPY cli cli
USER node
# Any address but loopback: a gateway then starts only with ADMIN_API_KEY set.
ENV HOST=0.0.0.0 \
    CONVERGENCE_CONFIGS_DIR=/app/configs \
    CONVERGENCE_DATA_DIR=/data/convergence
# Node strips the types; as process 1 it handles SIGTERM itself.

FROM base AS service
COPY --from=service-packages /app/node_modules node_modules
ENV OPERATOR_PORT=9100
EXPOSE 9100
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.OPERATOR_PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

FROM service AS gateway
ENV PORT=8080
EXPOSE 8080
# Its views: made anew from the log where they are missing.
VOLUME /data
CMD ["node", "cli/service.ts", "gateway"]

FROM service AS tenant-service
# The local key ring, unless KEY_RING_FILE is elsewhere.
VOLUME /data
CMD ["node", "cli/service.ts", "tenant-service"]

FROM service AS pipeline-service
CMD ["node", "cli/service.ts", "pipeline-service"]

FROM service AS step-runner
# The local key ring, tenant-service's: by it credentials are opened.
VOLUME /data
CMD ["node", "cli/service.ts", "step-runner"]

FROM base AS with-duckdb
COPY --from=packages /app/node_modules node_modules
VOLUME /data

# It asks for no credentials: let nobody reach it who may not read all tenants' data. It answers to loopback names, to the
# address that it is reached at, and to the name that HOST gives.
FROM with-duckdb AS local-bigquery
ENV LOCAL_BIGQUERY_PORT=9050 \
    LOCAL_BIGQUERY_DATA_DIR=/data/bigquery
EXPOSE 9050
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://${process.env.HOST}:${process.env.LOCAL_BIGQUERY_PORT}/bigquery/v2/projects`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "cli/local-bigquery-main.ts"]

# Last, so that a build without a target makes it. 9050 is its local BigQuery, as above.
FROM with-duckdb AS embedded
ENV PORT=8080 \
    LOCAL_BIGQUERY_PORT=9050
EXPOSE 8080 9050
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "cli/start.ts"]

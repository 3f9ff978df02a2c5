# The gateway with built-in speech, on glibc, without root.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t sidetone .
#   docker run -p 8080:8080 -p 8082:8082/udp -p 8082:8082/tcp -v sidetone:/var/lib/sidetone sidetone
#
# --build-arg MODELS=0 leaves the models out (143 MB); mount them at /opt/sidetone/models,
# or use engines elsewhere. The operator listener stays on the container's own
# loopback until it is given an address and a token.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web .
RUN npm run build

FROM golang:1.26-bookworm AS build
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends libopus-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV GOFLAGS=-tags=nolibopusfile CGO_ENABLED=1
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
COPY --from=web /src/web/dist web/dist
RUN go build -trimpath -ldflags "-X main.version=$VERSION -X main.commit=$COMMIT" -o bin/sidetone ./cmd/sidetone

FROM node:22-bookworm-slim AS models
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends python3-pip \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY scripts/models.sh scripts/
COPY internal/models/models.sha256 internal/models/
ARG MODELS=1
RUN mkdir models && if [ "$MODELS" = 1 ]; then scripts/models.sh; fi

FROM debian:bookworm-slim
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates espeak-ng libopus0 libstdc++6 wget \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/sidetone --create-home --shell /usr/sbin/nologin sidetone \
 && chmod 0700 /var/lib/sidetone
WORKDIR /opt/sidetone
COPY --from=build /src/bin/sidetone /usr/local/bin/
COPY --from=build /src/configs configs
COPY --from=models /src/models models
ENV SIDETONE_DATA_DIR=/var/lib/sidetone
USER sidetone
VOLUME /var/lib/sidetone
EXPOSE 8080 8081 8082/udp 8082/tcp
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD wget -q -O /dev/null http://127.0.0.1:8081/livez
STOPSIGNAL SIGTERM
ENTRYPOINT ["sidetone"]
CMD ["serve", "--config", "configs/sidetone.yaml"]

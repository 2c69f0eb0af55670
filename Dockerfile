# Images of Rollout: server, server-torch, trainer, client, test. `make image` builds server; docs/deployment.md has
# their sizes and how to start them. Programs get into an image as the Debian packages that `make package` makes, so
# their dependencies are written down once, by dpkg-shlibdeps.
#
# What compiles is one chain, tools -> build-server -> build-trainer -> test: each stage goes on in the build folder of
# the one before, so all five images cost one compilation.
ARG BASE=debian:bookworm-slim
# ON: the CUDA engine is in server and server-torch (its compiler comes as wheels; no GPU is needed to build). OFF: not.
ARG CUDA=ON

# ON: the torch engine of server-torch and trainer has LibTorch's CUDA half too (2.6 GB to fetch). OFF: not.
ARG TORCH_CUDA=OFF

# ---- what compiles; nothing of it reaches an image that runs ----
FROM ${BASE} AS tools
WORKDIR /src
# /root/.cache is kept between builds: what ccache compiled and what pip fetched outlives a change of the sources.
ENV CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros
COPY third_party third_party
ARG CUDA
# The secret `ca` is a further CA bundle, for networks whose proxy signs for itself; it may be absent.
RUN --mount=type=cache,id=rollout,target=/root/.cache --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    if [ "$CUDA" != OFF ]; then set -- --cuda; fi; \
    third_party/setup.sh --packaging --without-tests --without-torch "$@"

FROM tools AS build-server
# ccache takes what was compiled under another locale for something else.
ENV LANG=C.UTF-8
COPY . .
ARG CUDA
ARG VERSION=
ARG JOBS=
RUN --mount=type=cache,id=rollout,target=/root/.cache deploy/image/compile server

FROM build-server AS build-trainer
ARG TORCH_CUDA
RUN --mount=type=cache,id=rollout,target=/root/.cache --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    if [ "$TORCH_CUDA" != OFF ]; then set -- --torch-cuda; fi; \
    third_party/setup.sh --packaging --without-tests "$@"
ARG CUDA
ARG VERSION=
ARG JOBS=
RUN --mount=type=cache,id=rollout,target=/root/.cache deploy/image/compile trainer

# buildah 1.28 mounts a stage that comes from its cache as it was before its last step: with STAMP these two never do.
FROM build-server AS packages-server
ARG STAMP=
RUN : "$STAMP"

FROM build-trainer AS packages-trainer
ARG STAMP=
RUN : "$STAMP"

# ---- what runs ----
FROM ${BASE} AS runtime
# The packages would make the user with any free number; orchestrators want to see one that is not 0.
RUN groupadd --gid 10001 rollout \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rollout \
    && install -d -o 10001 -g 10001 /models
LABEL org.opencontainers.image.title="Rollout" \
      org.opencontainers.image.description="Transition-model server for model-based reinforcement learning" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="debian:bookworm-slim"

FROM runtime AS client
ARG VERSION=
ARG REVISION=
RUN --mount=type=bind,from=packages-server,source=/src,target=/src \
    /src/deploy/image/install client
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
ENTRYPOINT ["/usr/bin/rolloutctl"]
CMD ["--help"]

FROM runtime AS server
ARG VERSION=
ARG REVISION=
RUN --mount=type=bind,from=packages-server,source=/src,target=/src \
    /src/deploy/image/install client server cuda
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Every address inside the container; rolloutd still wants TLS, or ROLLOUTD_INSECURE=true where something else protects it.
ENV ROLLOUTD_MODEL_REPOSITORY=/models \
    ROLLOUTD_LISTEN=0.0.0.0:8001 \
    ROLLOUTD_METRICS_LISTEN=0.0.0.0:8002 \
    ROLLOUTD_HEALTH_LISTEN=0.0.0.0:8004 \
    ROLLOUTCTL_SERVER=127.0.0.1:8004
# What NVIDIA's container toolkit brings in where there is a GPU: the driver's CUDA library and nvidia-smi.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 8001 8002 8004
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/bin/rolloutctl", "health", "--timeout", "2s"]
ENTRYPOINT ["/usr/bin/rolloutd"]

FROM server AS server-torch
USER 0:0
RUN --mount=type=bind,from=packages-trainer,source=/src,target=/src \
    /src/deploy/image/install torch
USER 10001:10001

FROM runtime AS trainer
ARG VERSION=
ARG REVISION=
RUN --mount=type=bind,from=packages-trainer,source=/src,target=/src \
    /src/deploy/image/install torch trainer
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/rollout-trainer"]
CMD ["--help"]

# Everything that `make test` needs, built; `docker run IMAGE` runs the tests.
FROM build-trainer AS test
RUN --mount=type=cache,id=rollout,target=/root/.cache --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    apt-get update -qq && apt-get install -y -qq --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && make build
CMD ["make", "test"]

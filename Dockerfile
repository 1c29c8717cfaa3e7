# One recipe for every image, from one lock. `workflow`, with --build-arg WORKFLOW=ocr_intake: what its runs need, and its
# code. `platform`: what server and workers run. A HEALTHCHECK would mean nothing here: a run is watched by its worker,
# and what makes a server or a worker healthy stands in infrastructure/compose.yaml, where it is known which one it is.
FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.13-slim-trixie AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Raising the date installs what Debian has mended since; a weekly pull request does.
ARG APT_DATE=2026-11-23
ARG WORKFLOW=
# A file is named beside the pattern, which alone may match nothing: not every workflow has an apt.txt.
COPY flows/__init__.py flows/${WORKFLOW}/apt.tx[t] /usr/share/doc/mailroom/
RUN export DEBIAN_FRONTEND=noninteractive \
    && echo "as of ${APT_DATE}" \
    && apt-get update -qq \
    && apt-get upgrade -qq -y \
    && (cat /usr/share/doc/mailroom/apt.txt 2>/dev/null || true) | sed 's/#.*//' \
       | xargs apt-get install -qq -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
    && echo 'mailroom:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'mailroom:x:10001:' >>/etc/group \
    # A new named volume takes its owner from the folder that it is mounted on.
    && install -d -o 10001 -g 10001 /documents /scratch

FROM base AS packages
COPY --from=uv /uv /usr/local/bin/uv
WORKDIR /opt/mailroom
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock ./
ARG WORKFLOW=
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --quiet --locked --no-default-groups --no-install-project --group "${WORKFLOW:-platform}"

FROM base AS runtime
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/mailroom \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    PREFECT_HOME=/tmp/prefect \
    MAILROOM_ROOT=/opt/mailroom \
    MAILROOM_STATE=/tmp/mailroom
WORKDIR /opt/mailroom
USER 10001:10001
# Reaps what a killed child leaves behind, and hands signals on.
ENTRYPOINT ["tini", "--"]
CMD ["prefect", "version"]

FROM runtime AS platform
COPY infrastructure/read-secrets /usr/local/bin/
ENTRYPOINT ["tini", "--", "read-secrets"]

FROM runtime AS workflow
ARG WORKFLOW
COPY shared/ shared/
COPY flows/__init__.py flows/
COPY flows/${WORKFLOW}/ flows/${WORKFLOW}/
# Last, so that a new commit makes no new layer.
ARG COMMIT=
ARG VERSION=
LABEL org.opencontainers.image.title="${WORKFLOW}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"

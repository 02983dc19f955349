# Two images from one file: --target web (no deep-learning framework in it) and --target worker.
ARG BASE=python:3.11-slim-bookworm


FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="Digitmill" \
      org.opencontainers.image.description="Piles of scanned handwritten digits into data" \
      org.opencontainers.image.licenses="Apache-2.0"
# the root file system may be read-only: bytecode is compiled here, and what libraries write at home goes to /tmp
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DIGITMILL_VAR=/var/lib/digitmill
RUN groupadd --gid 10001 digitmill \
    && useradd --uid 10001 --gid digitmill --home-dir /tmp --no-create-home --shell /usr/sbin/nologin digitmill \
    && install --directory --owner digitmill --group digitmill /var/lib/digitmill
WORKDIR /app


FROM ${BASE} AS web-packages
COPY requirements*.lock /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements-web.lock


FROM runtime AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY digitmill digitmill
COPY web web
RUN python -m compileall -q digitmill web
USER 10001:10001
ENV DIGITMILL_HOST=0.0.0.0 \
    DIGITMILL_PORT=8000
EXPOSE 8000
VOLUME /var/lib/digitmill
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "web"]


FROM ${BASE} AS worker-packages
# requirements-gpu.lock brings TensorFlow's CUDA libraries
ARG WORKER_REQUIREMENTS=requirements-worker.lock
COPY requirements*.lock /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement "/build/${WORKER_REQUIREMENTS}" \
    # 430 MB of headers that only a compiler would read
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include


FROM runtime AS worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY digitmill digitmill
COPY worker worker
RUN python -m compileall -q digitmill worker
USER 10001:10001
VOLUME /var/lib/digitmill
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-m", "worker.health"]
CMD ["python", "-m", "worker"]

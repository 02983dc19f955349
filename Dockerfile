# Four images from one file: --target web and --target worker, without a deep-learning framework; --target gpu, workers on an
# NVIDIA GPU, and --target trainer, with TensorFlow.
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
COPY requirements-web.lock /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements-web.lock


FROM runtime AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY digitmill digitmill
COPY web web
# the piles that the first page offers to try
COPY samples/*.zip samples/
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
COPY requirements-worker.lock /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements-worker.lock


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


FROM ${BASE} AS gpu-packages
COPY requirements-gpu.lock /build/
# the headers that go are 430 MB which only a compiler would read
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements-gpu.lock \
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include


FROM worker AS gpu
COPY --from=gpu-packages /opt/venv /opt/venv


FROM ${BASE} AS trainer-packages
COPY requirements-trainer.lock /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements-trainer.lock \
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include


FROM worker AS trainer
USER root
COPY --from=trainer-packages /opt/venv /opt/venv
COPY training training
RUN python -m compileall -q training
USER 10001:10001
# where Keras keeps MNIST once it has downloaded it
ENV KERAS_HOME=/var/lib/digitmill/cache/keras

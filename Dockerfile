# Four images from one file: --target web and --target worker, without a deep-learning framework; --target trainer, with
# TensorFlow, and --target gpu, workers on an NVIDIA GPU. Packages are installed by the pip of the base image, so that the
# environment has none of its own: `pip --python /opt/venv/bin/python install` adds to it. NumPy's own tests are left out.
ARG BASE=python:3.11-slim-bookworm


FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="Digitmill" \
      org.opencontainers.image.description="Piles of scanned handwritten digits into data" \
      org.opencontainers.image.licenses="Apache-2.0"
# the root file system may be read-only: bytecode is written when an image is built, and what libraries write at home goes to
# /tmp
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
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes \
        --requirement /build/requirements-web.lock \
    && find /opt/venv/lib/python3*/site-packages/numpy -depth -type d -name tests -exec rm -r {} +
COPY web/translations /build/translations
# Babel brings 1,000 languages, of which the pages know those that have a catalogue, and English
RUN cd /opt/venv/lib/python3*/site-packages/babel/locale-data \
    && for file in *.dat; do \
         case $file in root.dat|en.dat) continue;; esac; \
         test -d /build/translations/${file%.dat} || rm $file; \
       done


FROM ${BASE} AS web-files
WORKDIR /app
COPY digitmill digitmill
COPY web web
# the piles that the first page offers to try
COPY samples/*.zip samples/
# of the models web shows manifests and pictures; their weights are for workers
RUN find digitmill/models/builtin \( -name model.keras -o -name openvino \) -prune -exec rm -r {} + \
    && python -m compileall -q digitmill web


# bytecode of what is imported: that of whole packages is 50 MB, of which two thirds are never read
FROM web-packages AS web-compiled
COPY deploy/import_all.py /build/
COPY --from=web-files /app /app
RUN PYTHONPATH=/app /opt/venv/bin/python /build/import_all.py digitmill web


FROM runtime AS web
COPY --from=web-compiled /opt/venv /opt/venv
COPY --from=web-files /app /app
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
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes \
        --requirement /build/requirements-worker.lock \
    && find /opt/venv/lib/python3*/site-packages/numpy -depth -type d -name tests -exec rm -r {} +


FROM ${BASE} AS worker-files
WORKDIR /app
COPY digitmill digitmill
COPY worker worker
RUN python -m compileall -q digitmill worker


FROM worker-packages AS worker-compiled
COPY deploy/import_all.py /build/
COPY --from=worker-files /app /app
RUN PYTHONPATH=/app /opt/venv/bin/python /build/import_all.py digitmill worker openvino


# what images of workers have in common but their files
FROM runtime AS any-worker
USER 10001:10001
VOLUME /var/lib/digitmill
HEALTHCHECK --interval=30s --timeout=30s --start-period=120s --retries=3 \
    CMD ["python", "-m", "worker.health"]
CMD ["python", "-m", "worker"]


FROM any-worker AS worker
COPY --from=worker-compiled /opt/venv /opt/venv
COPY --from=worker-files /app /app


FROM ${BASE} AS trainer-packages
COPY requirements-trainer.lock /build/
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --requirement /build/requirements-trainer.lock \
    && find /opt/venv/lib/python3*/site-packages/numpy -depth -type d -name tests -exec rm -r {} + \
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include


FROM worker-files AS trainer-files
COPY training training
RUN python -m compileall -q training


FROM any-worker AS trainer
COPY --from=trainer-packages /opt/venv /opt/venv
COPY --from=trainer-files /app /app
# where Keras keeps MNIST once it has downloaded it
ENV KERAS_HOME=/var/lib/digitmill/cache/keras


# last, so that builders which make every stage before the one they are asked for leave it out
FROM ${BASE} AS gpu-packages
COPY requirements-gpu.lock /build/
# the headers that go are 430 MB which only a compiler would read
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --requirement /build/requirements-gpu.lock \
    && find /opt/venv/lib/python3*/site-packages/numpy -depth -type d -name tests -exec rm -r {} + \
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include


FROM any-worker AS gpu
COPY --from=gpu-packages /opt/venv /opt/venv
COPY --from=worker-files /app /app

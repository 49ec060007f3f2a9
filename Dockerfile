# Elsewhere in a container: `docker build -t elsewhere .`, then see docs/deploying.md.
#
# The packages are built in the first stage; the second has neither pip's leftovers nor the sources.
# On a machine without a GPU the CPU build of PyTorch saves gigabytes: name an index that has one
# with --build-arg PIP_EXTRA_INDEX_URL=...
FROM python:3.11-slim AS build
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY generator generator
COPY tileserver tileserver
COPY training training
COPY web web
RUN python -m venv /opt/elsewhere \
 && /opt/elsewhere/bin/pip install --no-cache-dir --constraint constraints.txt '.[geo]'

FROM python:3.11-slim
# The one library that a package (rasterio) expects from the system.
RUN apt-get update \
 && apt-get install --no-install-recommends --yes libexpat1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin elsewhere \
 && install --directory --owner elsewhere --group elsewhere /cache
COPY --from=build /opt/elsewhere /opt/elsewhere
ENV PATH=/opt/elsewhere/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ELSEWHERE_HOST=0.0.0.0 \
    ELSEWHERE_PORT=8000 \
    ELSEWHERE_CACHE=/cache \
    ELSEWHERE_LOG_FORMAT=json
USER elsewhere
WORKDIR /cache
VOLUME /cache
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/readyz' % os.environ['ELSEWHERE_PORT'], timeout=4)"]
ENTRYPOINT ["elsewhere"]
CMD ["serve"]

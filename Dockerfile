# The aggregator in a container: see docs/operations.md. No engine is needed for anything else in this repository.
FROM python:3.11-slim AS build
COPY pyproject.toml README.md LICENSE /src/
COPY aggregator /src/aggregator
COPY storage /src/storage
RUN python -m venv /opt/aggregator \
 && /opt/aggregator/bin/pip install --no-cache-dir --disable-pip-version-check /src

FROM python:3.11-slim
LABEL org.opencontainers.image.title="feed-aggregator" \
      org.opencontainers.image.description="Polls feeds, keeps one record an entry, serves one merged feed" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin aggregator \
 && install -d -o aggregator -g aggregator -m 0700 /data \
 && install -d -m 0755 /etc/aggregator
COPY --from=build /opt/aggregator /opt/aggregator
ENV PATH=/opt/aggregator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AGGREGATOR_CONFIG=/etc/aggregator/feeds.yaml \
    AGGREGATOR_DATA=/data
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# `server.listen: 0.0.0.0:8080` in feeds.yaml; /healthz needs no token.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["aggregator"]
CMD ["run"]

# The service, as a user without rights, on a file system that it need not write: docker run --read-only --tmpfs /tmp
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
# An index that has torch's CPU build saves gigabytes: docker build --build-arg PIP_EXTRA_INDEX_URL=…
ARG PIP_EXTRA_INDEX_URL
RUN python -m venv /opt/advisor \
    && /opt/advisor/bin/pip install --no-cache-dir ".[postgres]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin advisor \
    && install --directory --owner=advisor --mode=0700 /state
COPY --from=build /opt/advisor /opt/advisor
ENV ADVISOR_HOST=0.0.0.0 \
    ADVISOR_PORT=8000 \
    ADVISOR_STORE=/state/feedback.db \
    OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /state
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["/opt/advisor/bin/python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"ADVISOR_PORT\"]}/livez', timeout=2)"]
ENTRYPOINT ["/opt/advisor/bin/advisor", "serve"]

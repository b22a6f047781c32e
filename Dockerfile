# The image of a virtual tape library. Any base with Python 3.11 or newer will do:
#   docker build --build-arg BASE=python:3.13-slim -t pyvtl .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python3 -m venv /opt/pyvtl \
 && /opt/pyvtl/bin/pip install --no-cache-dir --compile .

FROM ${BASE}
COPY --from=build /opt/pyvtl /opt/pyvtl
# A number, so that orchestrators can see that it is not root.
RUN install -d -o 65532 -g 65532 -m 0700 /data
ENV PATH=/opt/pyvtl/bin:${PATH} \
    PYVTL_GATEWAY__DATA_DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 3260
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["pyvtl", "library", "status"]
ENTRYPOINT ["pyvtl"]
CMD ["serve"]

# syntax=docker/dockerfile:1
# The workflow with the exact versions of requirements.lock, on the CPU (docs/installing.md).
FROM python:3.11-slim

# git names the commit in provenance records.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/transient-ridge
COPY requirements.lock ./
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu --requirement requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps .

# Results, presets and checkpoints are below the folder that is mounted here.
WORKDIR /work
ENV PYTHONUTF8=1 MPLBACKEND=agg
ENTRYPOINT ["snakemake", "--snakefile", "/opt/transient-ridge/workflow/Snakefile"]
CMD ["--help"]

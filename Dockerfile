# sciencegen with a CPU build of torch, or a CUDA build:
#   docker build --tag sciencegen .
#   docker build --tag sciencegen:cuda --build-arg TORCH=cu126 .
#   docker run --rm --volume "$PWD:/work" sciencegen run molecules
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# cpu, or a CUDA version of torch's package index: cu126, cu128 ...
ARG TORCH=cpu
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE constraints.txt ./
COPY sciencegen sciencegen
COPY workflows workflows
COPY datasets datasets
RUN python -m venv /opt/sciencegen
ENV PATH=/opt/sciencegen/bin:$PATH
RUN sed -n '/^torch==/p' constraints.txt > torch.txt \
    && pip install --no-cache-dir --index-url "https://download.pytorch.org/whl/${TORCH}" --requirement torch.txt
# The constraints pin every library.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --constraint constraints.txt '.[all,kubernetes,slurm]'

FROM python:${PYTHON}-slim
# Libraries of rdkit's drawings, and rsync for Snakemake's storage. Debian keeps one version of each, that of the release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 libxext6 libxrender1 rsync \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/sciencegen /opt/sciencegen
RUN useradd --create-home --uid 1000 sciencegen \
    && mkdir --mode=1777 /cache /work
ENV PATH=/opt/sciencegen/bin:$PATH \
    SCIENCEGEN_CACHE=/cache
USER 1000
WORKDIR /work
RUN sciencegen doctor
ENTRYPOINT ["sciencegen"]
CMD ["doctor"]

rule predict:
    """Train a predictor from a table."""
    input:
        table=lambda wildcards: if_file(PREDICTORS[wildcards.predictor]["table"]),
        wild_type=lambda wildcards: if_file(
            PREDICTORS[wildcards.predictor].get("wild_type")
        ),
        model=lambda wildcards: (MODEL if reads_latents(wildcards) else []),
    output:
        PREDICTOR,
    log:
        kept(f"{RUN}/logs/predict-{{predictor}}.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/predict-{{predictor}}.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=720,
        gpu=lambda wildcards: GPU if trains_networks(wildcards) else 0,
        device=lambda wildcards: DEVICE if trains_networks(wildcards) else "cpu",
    params:
        settings=predictor_settings,
        domain=DOMAIN,
        table=lambda wildcards, input: input.table
        or PREDICTORS[wildcards.predictor]["table"],
        target=lambda wildcards: PREDICTORS[wildcards.predictor]["target"],
        folder=folder_of(),
    shell:
        "sciencegen train predictor {params.domain:q} {params.table:q} --target {params.target:q}"
        " --settings {params.settings:q} --device {resources.device:q} --threads {threads} --force -o {params.folder:q}"
        " 2>&1 | tee {log:q}"

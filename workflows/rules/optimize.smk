rule optimize:
    """Search for items that meet the goals. Exit code 5: fewer candidates than requested; the report says so."""
    input:
        model=rules.train.output,
        training=rules.prepare.output.table,
        files=files_of("optimize", "training", "blocks"),
        complete=rules.complete.output if COMPLETES else [],
        predictors=expand(
            f"{RUN}/predictors/{{predictor}}/config.yaml", predictor=sorted(PREDICTORS)
        ),
    output:
        candidates=f"{RUN}/candidates.parquet",
        table=f"{RUN}/candidates.csv",
        structures=STRUCTURES,
        trace=f"{RUN}/search/trace.csv",
        scored=f"{RUN}/search/scored.parquet",
        summary=f"{RUN}/search/summary.json",
    log:
        f"{RUN}/logs/optimize.log",
    benchmark:
        f"{RUN}/benchmarks/optimize.tsv"
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=8000,
        gpu=GPUS,
        device=DEVICE,
    params:
        settings=settings(
            "optimize",
            predictors=predictor_folders(),
            model=f"{RUN}/model",
            training=known_items(),
            **{**keeping_scores(), **completing()},
        ),
        domain=DOMAIN,
        details=lambda wildcards, output: os.path.dirname(output.trace),
        structures=lambda wildcards, output: [
            word for path in output.structures for word in ("--structures", path)
        ],
    shell:
        "sciencegen optimize {params.domain:q} --settings {params.settings:q} --device {resources.device:q}"
        " --threads {threads} --force {params.structures:q} --details {params.details:q} -o {output.candidates:q}"
        " 2>&1 | tee {log:q} || test $? -eq 5"

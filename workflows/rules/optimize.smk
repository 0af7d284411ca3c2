rule optimize:
    """Search for items that meet the goals. Exit code 5: fewer candidates than requested; the report says so."""
    input:
        model=MODEL,
        training=ITEMS,
        files=files_of("optimize", "training", "blocks"),
        complete=COMPLETING_MODEL if COMPLETES else [],
        predictors=predicted(sorted(PREDICTORS)),
    output:
        candidates=CANDIDATES,
        table=CANDIDATE_TABLE,
        structures=STRUCTURES,
        trace=TRACE,
        scored=kept(f"{RUN}/search/scored.parquet"),
        summary=kept(f"{RUN}/search/summary.json"),
    log:
        kept(f"{RUN}/logs/optimize.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/optimize.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(8000),
        runtime=1440,
        gpu=GPU,
        device=DEVICE,
    params:
        settings=settings(
            "optimize",
            predictors=predictor_folders(),
            model=f"{FOLDER}/model",
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

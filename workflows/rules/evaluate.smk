rule evaluate:
    """Compare samples with held-out items, and measure how closely the model meets its conditions."""
    input:
        samples=SAMPLES,
        files=files_of("evaluate", "against", "training"),
        model=MODEL,
        predictors=lambda wildcards: predicted(judges()),
    output:
        METRICS,
    log:
        kept(f"{RUN}/logs/evaluate.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/evaluate.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(8000),
        runtime=240,
        gpu=GPU,
        device=DEVICE,
    params:
        settings=settings("evaluate", model=f"{FOLDER}/model", **judging()),
        domain=DOMAIN,
    shell:
        "sciencegen evaluate {params.domain:q} {input.samples:q} --settings {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --force -o {output:q} 2>&1 | tee {log:q}"

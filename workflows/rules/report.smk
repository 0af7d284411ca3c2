rule report:
    """Write one page that opens offline. It shows the whole config, so every edit rewrites it."""
    input:
        candidates=CANDIDATES,
        trace=TRACE,
        samples=SAMPLES,
        metrics=METRICS,
        variants=VARIANT_SCORES if SCORES_VARIANTS else [],
        plate=PLATE if PROPOSES else [],
    output:
        page=report(PAGE, caption="../report/page.rst", category="Candidates"),
        config=kept(f"{RUN}/config.yaml"),
    log:
        kept(f"{RUN}/logs/report.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/report.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=60,
    params:
        settings=verbatim(json.dumps(config, sort_keys=True)),
        folder=folder_of(),
    shell:
        "sciencegen report {params.folder:q} --settings {params.settings:q} --force -o {output.page:q}"
        " 2>&1 | tee {log:q}"

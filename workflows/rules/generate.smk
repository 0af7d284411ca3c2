rule generate:
    """Draw from the model, for the evaluation and the report. Exit code 5: fewer items than requested; without any there is no file."""
    input:
        model=MODEL,
        files=[*present("generate", "scaffold"), *files_of("generate", "blocks")],
    output:
        SAMPLES,
    log:
        kept(f"{RUN}/logs/generate.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/generate.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=240,
        gpu=GPU,
        device=DEVICE,
    params:
        settings=settings("generate", model=f"{FOLDER}/model"),
        domain=DOMAIN,
    shell:
        "sciencegen generate {params.domain:q} --settings {params.settings:q} --device {resources.device:q}"
        " --threads {threads} --force -o {output:q} 2>&1 | tee {log:q} || {{ test $? -eq 5 && test -e {output:q}; }}"

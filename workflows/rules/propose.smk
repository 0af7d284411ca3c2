rule propose:
    """Propose the next plate for a lab from measurements. Exit code 5: fewer items than requested."""
    input:
        tables=if_file(*plate_tables("measured"), *plate_tables("also")),
        files=files_of("propose", "wild_type", "pool", "blocks"),
        model=MODEL,
        candidates=[] if PROPOSE.get("pool") else CANDIDATES,
        predictors=predicted(sorted(PREDICTORS)),
    output:
        PLATE,
    log:
        kept(f"{RUN}/logs/propose.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/propose.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=240,
        gpu=GPU,
        device=DEVICE,
    params:
        settings=verbatim(
            as_settings(
                {**PROPOSE, **reading_settings()},
                model=f"{FOLDER}/model",
                **offering(),
                **foretelling(),
            )
        ),
        domain=DOMAIN,
    shell:
        "sciencegen propose {params.domain:q} --settings {params.settings:q} --device {resources.device:q}"
        " --threads {threads} --force -o {output:q} 2>&1 | tee {log:q} || test $? -eq 5"

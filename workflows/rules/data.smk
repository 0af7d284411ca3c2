rule prepare:
    """Standardize, remove duplicates, compute properties once."""
    input:
        files_of("prepare", "source", "wild_type", "measured"),
    output:
        table=ITEMS,
        summary=DATASET,
        rejects=kept(f"{RUN}/data/rejects.csv"),
    log:
        kept(f"{RUN}/logs/prepare.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/prepare.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=240,
    params:
        settings=settings("prepare"),
        domain=DOMAIN,
        folder=folder_of(),
    shell:
        "sciencegen datasets prepare {params.domain:q} --settings {params.settings:q} --threads {threads}"
        " --force -o {params.folder:q} 2>&1 | tee {log:q}"

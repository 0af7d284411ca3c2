rule train:
    """Train a model, or use trained weights. checkpoints/ is not an output, so that a killed training continues."""
    input:
        data=DATASET,
    output:
        MODEL,
    log:
        kept(f"{RUN}/logs/train.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/train.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(8000),
        runtime=1440,
        gpu=gpus_of("train"),
        nodes=1,
        device=DEVICE,
    params:
        settings=settings("train"),
        domain=DOMAIN,
        data=lambda wildcards, input: os.path.dirname(input.data),
        folder=folder_of(),
        devices=devices,
    shell:
        "sciencegen train {params.domain:q} --data {params.data:q} --settings {params.settings:q}"
        " {params.devices:q} --device {resources.device:q} --threads {threads} --force -o {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule complete:
    """Train the model that gives candidates their structures, or use trained weights. It prepares its own data."""
    input:
        if_file(PREPARE.get("source")),
    output:
        COMPLETING_MODEL,
    log:
        kept(f"{RUN}/logs/complete.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/complete.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(8000),
        runtime=1440,
        gpu=gpus_of("complete"),
        nodes=1,
        device=DEVICE,
    params:
        settings=verbatim(
            as_settings(
                {
                    **reading("sample", "limit", "offline"),
                    **(config.get("complete") or {}),
                }
            )
        ),
        domain=DOMAIN,
        data=verbatim(PREPARE.get("source") or ""),
        column=verbatim(item_column()),
        folder=folder_of(),
        devices=devices,
    shell:
        "sciencegen train {params.domain:q} --data {params.data:q} --settings {params.settings:q}"
        " {params.column:q} {params.devices:q} --device {resources.device:q} --threads {threads} --force"
        " -o {params.folder:q} 2>&1 | tee {log:q}"

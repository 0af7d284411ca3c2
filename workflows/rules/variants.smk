rule variants:
    """Score variants of the family's reference with the model and the predictors, if any."""
    input:
        table=if_file(VARIANTS.get("variants")),
        model=MODEL,
        predictors=predicted(sorted(PREDICTORS)),
    output:
        VARIANT_SCORES,
    log:
        kept(f"{RUN}/logs/variants.log"),
    benchmark:
        kept(f"{RUN}/benchmarks/variants.tsv")
    conda:
        "../envs/sciencegen.yaml"
    threads: THREADS
    resources:
        mem_mb=memory_of(4000),
        runtime=240,
        gpu=GPU,
        device=DEVICE,
    params:
        domain=DOMAIN,
        variants=verbatim(VARIANTS.get("variants", "all-singles")),
        model=lambda wildcards, input: os.path.dirname(input.model[0]),
        structure=verbatim(
            ["--structure", VARIANTS["structure"]] if VARIANTS.get("structure") else ""
        ),
        predictors=verbatim(
            [
                word
                for name in sorted(PREDICTORS)
                for word in ("--predictor", f"{name}={FOLDER}/predictors/{name}")
            ]
            or ""
        ),
    shell:
        "sciencegen score {params.domain:q} --variants {params.variants:q} --model {params.model:q}"
        " {params.structure:q} {params.predictors:q} --device {resources.device:q} --threads {threads} --force -o {output:q}"
        " 2>&1 | tee {log:q}"

"""The table of entries: a command line, or Python statements as a user writes them. `OUT` is the entry's own folder.

An entry may read what one above it wrote. `> FILE` keeps its standard output."""

from __future__ import annotations

OUT = "OUT"

VAE = (
    "{limit: 200, settings: {width: 32, heads: 2, layers: 1, hidden: 48, code: 16, flow_layers: 2, flow_width: 32}, "
    "training: {steps: 6, batch_size: 32, warmup_steps: 2, log_every: 2}, finish: {steps: 4}}"
)
PAIRS = (
    "{limit: 60, settings: {network: {width: 32, pair_width: 8, layers: 2, heads: 2, vectors: 2, radial: 8, "
    "context: 16}}, training: {steps: 3, batch_size: 16, warmup_steps: 1, log_every: 1}}"
)
HALVINGS = (
    "{limit: 60, teacher_steps: 4, training: {steps: 2, batch_size: 16, checkpoint_every: 2, log_every: 1, "
    "warmup_steps: 1}}"
)
STAMPS = (
    "{limit: 24, settings: {code: 4, pyramid: {width: 4, multipliers: [1, 2], known: 8}, flow_layers: 2, "
    "flow_width: 8, wish_layers: 2, wish_width: 8, corrections: 0}, "
    "training: {steps: 4, batch_size: 8, log_every: 1, warmup_steps: 1}, finish: {steps: 4}}"
)
PIXELS = (
    "{limit: 24, settings: {unet: {symmetry: d4, width: 6, multipliers: [1, 2], known: 8}, "
    "diffusion: {steps: 2, flow_steps: 2}}, training: {steps: 3, batch_size: 8, log_every: 1, warmup_steps: 1}}"
)
FAMILY = "{settings: {members: 2, hidden: 16, latent: 2}, training: {steps: 20, batch_size: 64, warmup_steps: 5}}"
TABLE = (
    "{settings: {width: 8, latent: 2, depth: 1, flow_layers: 1, flow_width: 8, score_samples: 4}, "
    "training: {steps: 6, batch_size: 16, warmup_steps: 2, log_every: 2}, finish: {steps: 4}}"
)
TRIALS = TABLE.replace("{width:", "{likelihoods: {spikes: poisson}, factors: 2, width:")
ROWS = (
    "{settings: {width: 16, depth: 1, diffusion: {steps: 4, flow_steps: 4}}, "
    "training: {steps: 6, batch_size: 16, warmup_steps: 2, log_every: 2}}"
)
PLATE = "{surrogate: gp, scale: linear, breeding: {children: 40, generations: 2, draws: 30}}"

ENTRIES: dict[str, str] = {
    # What is here
    "doctor": "sciencegen doctor --json > OUT/doctor.json",
    "datasets-list": "sciencegen datasets list --json > OUT/datasets.json",
    "datasets-show": "sciencegen datasets show qm9 --json > OUT/qm9.json",
    "properties-molecules": "sciencegen properties molecules --json > OUT/properties.json",
    "properties-proteins": "sciencegen properties proteins --json > OUT/properties.json",
    "properties-galaxies": "sciencegen properties galaxies --json > OUT/properties.json",
    # Prepared data
    "prepare-moses": "sciencegen datasets prepare molecules moses/train --sample --limit 120 -o OUT/data",
    "prepare-file": "sciencegen datasets prepare molecules molecules.smi --with qed,logp"
    " --settings '{fractions: {train: 0.7, test: 0.3}}' -o OUT/data",
    "prepare-structures": "sciencegen datasets prepare molecules qm9/test --sample --limit 40 --form structures"
    " --with mw -o OUT/data",
    "prepare-proteins": "sciencegen datasets prepare proteins gb1-doubles --sample --limit 80 --form aligned"
    " -o OUT/data",
    "prepare-family": "sciencegen datasets prepare proteins family.a2m --form aligned --measured variants.csv"
    " --target value -o OUT/data",
    "prepare-galaxies": "sciencegen datasets prepare galaxies simulated/test --sample --limit 12 -o OUT/data",
    # Small trainings
    "train-molecules": "sciencegen train molecules --recipe selfies-vae --data moses/train"
    f" --settings '{VAE}' -o OUT/model",
    "train-from": "sciencegen train molecules --from molecules --data measured.csv --condition value,qed"
    " --training steps=2 --training batch_size=8 --settings '{finish: {steps: 2}}' -o OUT/model",
    "train-conformers": f"sciencegen train molecules --recipe conformers --data qm9 --settings '{PAIRS}' -o OUT/model",
    "train-joint": f"sciencegen train molecules --recipe joint --data qm9 --condition gap --settings '{PAIRS}'"
    " -o OUT/model",
    "train-distilled": "sciencegen train molecules --from train-conformers/model --data train-conformers/model/data"
    f" --distill 2 --settings '{HALVINGS}' -o OUT/model",
    "train-variants": "sciencegen train proteins --data gb1-doubles --conditions fitness,mutations"
    f" --settings '{FAMILY}' -o OUT/model",
    "train-family": "sciencegen train proteins --alignment family.a2m --measured variants.csv --target value"
    f" --settings '{FAMILY}' -o OUT/model",
    "train-galaxies": f"sciencegen train galaxies --data simulated/train --settings '{STAMPS}' -o OUT/model",
    "train-stamps": "sciencegen train galaxies --recipe stamp-diffusion --data simulated/train"
    f" --settings '{PIXELS}' -o OUT/model",
    "train-table": f"sciencegen train arrays --data table.csv --condition city --settings '{TABLE}' -o OUT/model",
    "train-rows": "sciencegen train arrays --recipe array-diffusion --data table.csv --condition city"
    f" --settings '{ROWS}' -o OUT/model",
    "train-trials": "sciencegen train arrays --recipe sequence-vae --data trials.csv"
    f" --settings '{TRIALS}' -o OUT/model",
    # Predictors
    "predictor-molecules": "sciencegen train predictor molecules solubility/test --target value --split scaffold"
    " --set families=[ridge] --set folds=3 --settings '{limit: 120, evaluation_folds: 2, evaluation_repeats: 1}'"
    " -o OUT/predictor",
    "predictor-latents": "sciencegen train predictor molecules solubility/test --target value --set inputs=both"
    " --model train-molecules/model --set families=[kernel] --set folds=2"
    " --settings '{limit: 40, evaluation_folds: 2, evaluation_repeats: 1}' -o OUT/predictor",
    "predictor-structures": "sciencegen train predictor molecules qm9/train_second --target gap,u0 --form structures"
    " --set 'network={scalars: 8, vectors: 4, tensors: 2, layers: 1, narrowing: 1}'"
    " --set 'training={steps: 6, batch_size: 16, log_every: 3, checkpoint_every: 3}' -o OUT/predictor",
    "predictor-variants": "sciencegen train predictor proteins variants.csv --target value --wild-type gb1.fasta"
    " --split mutations --set folds=2 --settings '{evaluation_folds: 2, evaluation_repeats: 1}' -o OUT/predictor",
    "predictor-galaxies": "sciencegen train predictor galaxies simulated/train --target half_light_radius"
    " --set scale=log --set families=[ridge] --set folds=2"
    " --settings '{limit: 40, evaluation_folds: 2, evaluation_repeats: 1}'"
    " -o OUT/predictor",
    "predict-molecules": "sciencegen predict molecules molecules.smi --predictor sol=predictor-molecules/predictor"
    " --predictor act=predictor-latents/predictor -o OUT/p.csv",
    "predict-shipped": "sciencegen predict molecules molecules.smi --predictor gap=qm9-properties"
    " --predictor u0=predictor-structures/predictor -o OUT/p.parquet",
    "predict-variants": "sciencegen predict proteins variants.csv --wild-type gb1.fasta"
    " --predictor fit=predictor-variants/predictor -o OUT/p.csv",
    # Latent spaces
    "encode-molecules": "sciencegen encode molecules molecules.smi -o OUT/z.npz",
    "decode-molecules": "sciencegen decode molecules encode-molecules/z.npz -o OUT/items.smi",
    "map-molecules": "sciencegen map molecules --data molecules.smi --colour-by logp --along -o OUT/map.csv",
    "map-atlas": "sciencegen map molecules --data molecules.smi -o OUT/map.parquet",
    "explore-page": "sciencegen explore molecules --data molecules.smi --export OUT/page.html",
    "interpolate-molecules": "sciencegen interpolate molecules CCO c1ccccc1O --steps 5 --with qed -o OUT/path.csv",
    "encode-family": "sciencegen encode proteins family.a2m --model train-family/model -o OUT/z.npz",
    "decode-family": "sciencegen decode proteins encode-family/z.npz --model train-family/model -o OUT/items.fasta",
    "encode-rows": "sciencegen encode arrays table.csv --model train-rows/model -o OUT/z.npz",
    "encode-trials": "sciencegen encode arrays trials.csv --model train-trials/model -o OUT/z.npz",
    # Generation
    "generate-shipped": "sciencegen generate molecules -n 40 --raw --with qed,alerts --seed 3 -o OUT/a.parquet",
    "generate-conditioned": "sciencegen generate molecules -n 4 --where logp=2.5 --where 'tpsa in 40..90' --forbid Br"
    " --seed 7 -o OUT/hits.csv",
    "replay-conditioned": "sciencegen replay generate-conditioned/hits.csv --row 2,4 -o OUT/rows.csv",
    "generate-predictor": "sciencegen generate molecules --model train-from/model -n 3 --where 'sol >= -9'"
    " --keep '[#6]' --predictor sol=predictor-molecules/predictor -o OUT/hits.csv",
    "generate-3d": "sciencegen generate molecules --model qm9-molecules -n 2 --where gap=6.5"
    " --predictor gap=qm9-properties -o OUT/a.sdf",
    "generate-completed": "sciencegen generate molecules --model qm9-molecules --raw -n 6"
    " --complete train-distilled/model -o OUT/a.sdf",
    "generate-scaffold": "sciencegen generate molecules --model qm9-molecules --scaffold part.sdf -n 2 -o OUT/a.sdf",
    "generate-blocks": "sciencegen generate molecules --model train-molecules/model --blocks blocks.smi"
    " --maximum-steps 2 -n 4 --with qed -o OUT/made.csv",
    "generate-joint": "sciencegen generate molecules --model train-joint/model --raw -n 5 -o OUT/a.csv",
    "generate-variants": "sciencegen generate proteins --model train-variants/model -n 20 --where 'mutations <= 6'"
    " -o OUT/a.fasta",
    "generate-family": "sciencegen generate proteins --model train-family/model -n 10 --where 'value=-0.5'"
    " -o OUT/a.csv",
    "generate-galaxies": "sciencegen generate galaxies --model train-galaxies/model -n 6 -o OUT/a.fits",
    "generate-noise-free": "sciencegen generate galaxies --model train-galaxies/model -n 3 --noise-free"
    " --with half_light_radius,flux -o OUT/a.csv",
    "generate-stamps": "sciencegen generate galaxies --model train-stamps/model --raw -n 4 -o OUT/a.fits",
    "generate-table": "sciencegen generate arrays --model train-table/model -n 6 --where 'city = Oslo' -o OUT/a.csv",
    "generate-rows": "sciencegen generate arrays --model train-rows/model -n 6 -o OUT/a.csv",
    # Scores
    "score-table": "sciencegen score arrays table.csv --model train-table/model -o OUT/s.csv",
    "score-molecules": "sciencegen score molecules molecules.smi -o OUT/s.csv",
    "score-alerts": "sciencegen score molecules molecules.smi --with qed,sa,alerts,pmo:median1"
    " --predictor sol=predictor-molecules/predictor -o OUT/s.csv",
    "score-structures": "sciencegen score molecules molecules.smi --with mw -o OUT/s.sdf",
    "score-proteins": "sciencegen score proteins gb1.fasta -o OUT/s.csv",
    "score-singles": "sciencegen score proteins --model train-family/model --variants all-singles"
    " --predictor fit=predictor-variants/predictor -o OUT/s.csv",
    "score-variants": "sciencegen score proteins --model train-family/model --variants variants.csv -o OUT/s.csv",
    "score-alignment": "sciencegen score proteins --alignment family.a2m --set members=1 --training steps=10"
    " --variants variants.csv -o OUT/s.csv",
    "cutout-galaxies": "sciencegen cutout galaxies field.fits sources.csv --side 32 --pixel-scale 0.25 -o OUT/a.fits",
    "restore-galaxies": "sciencegen restore galaxies generate-galaxies/a.fits --model train-galaxies/model"
    " -o OUT/b.csv",
    "compress-galaxies": "sciencegen compress galaxies generate-galaxies/a.fits --threads 1 -o OUT/a.sgc",
    "decompress-galaxies": "sciencegen decompress galaxies compress-galaxies/a.sgc --threads 1 -o OUT/a.fits",
    "encode-galaxies": "sciencegen encode galaxies generate-galaxies/a.fits --model train-galaxies/model -o OUT/z.npz",
    "decode-galaxies": "sciencegen decode galaxies encode-galaxies/z.npz --model train-galaxies/model -o OUT/a.fits",
    "score-galaxies": "sciencegen score galaxies generate-galaxies/a.fits -o OUT/s.csv",
    "score-likelihood": "sciencegen score galaxies generate-galaxies/a.fits --model train-galaxies/model"
    " --with anomaly,log_likelihood -o OUT/s.csv",
    # Sequences
    "prepare-backbones": "sciencegen datasets prepare proteins backbones --form structures --sample --limit 4"
    " -o OUT/data",
    "sequences-table": "sciencegen sequences proteins prepare-backbones/data/items.parquet -n 2"
    " --command 'python design.py {input} {output} {n}' --model train-family/model -o OUT/s.csv",
    "sequences-fasta": "sciencegen sequences proteins prepare-backbones/data/items.parquet -n 2"
    " --command 'python design.py {input} {output} {n}' -o OUT/s.fasta",
    # Searches
    "optimize-evolution": "sciencegen optimize molecules --model train-molecules/model --goal 'maximize qed'"
    " --goal 'sa <= 5' --goal 'similarity to CCO >= 0.01' --start CCOc1ccccc1 --budget 60 -n 5"
    " --control prior,hill_climb --structures OUT/best.sdf --details OUT/details -o OUT/best.csv",
    "optimize-blocks": "sciencegen optimize molecules --model train-molecules/model --blocks blocks.smi"
    " --goal 'maximize qed' --start 'CC(=O)NCc1ccccc1Cl' --budget 40 -n 5 -o OUT/made.sdf",
    "optimize-bayes": "sciencegen optimize molecules --model train-molecules/model --goal 'maximize sol'"
    " --goal 'sol in domain' --predictor sol=predictor-molecules/predictor --method bayes --budget 40 -n 4"
    " -o OUT/best.csv",
    "optimize-program": "sciencegen optimize molecules --model train-molecules/model --settings @oracles.yaml"
    " --goal 'maximize length' --method latent_evolution --budget 30 -n 3 -o OUT/best.csv",
    "optimize-family": "sciencegen optimize proteins --model train-family/model --goal 'maximize family_score'"
    " --goal 'mutations <= 4' --forbid C --budget 60 -n 5 --details OUT/details -o OUT/best.fasta",
    "optimize-galaxies": "sciencegen optimize galaxies --model train-galaxies/model --goal 'maximize flux'"
    " --budget 24 -n 3 --maximum-similarity 1 -o OUT/best.fits",
    # Plates and journals
    "propose-molecules": "sciencegen propose molecules --measured measured.csv --batch 6 --where 'sa <= 4'"
    f" --maximum-share 0.5 --settings '{PLATE}' --journal OUT/campaign.csv -o OUT/plate.csv",
    "propose-pool": "sciencegen propose molecules --measured measured.csv --batch 4 --pool solubility"
    " --acquisition noisy-ei --minimize --settings '{surrogate: ensemble, limit: 60}' -o OUT/plate.csv",
    "propose-latent": "sciencegen propose molecules --measured measured.csv --batch 4 --acquisition ucb"
    f" --model train-molecules/model --settings '{PLATE}' -o OUT/plate.csv",
    "propose-blocks": "sciencegen propose molecules --measured measured.csv --batch 4 --blocks blocks.smi"
    f" --maximum-steps 2 --settings '{PLATE}' --journal OUT/campaign.csv -o OUT/plate.csv",
    "propose-first": "sciencegen propose proteins --wild-type gb1.fasta --space positions=39-41,54 --batch 6"
    " --control WT -o OUT/plate.csv",
    "propose-variants": "sciencegen propose proteins --measured variants.csv --wild-type gb1.fasta"
    " --space positions=2-20 --space maximum_mutations=3 --batch 6 --acquisition greedy --diversity 0.5"
    f" --predictor fit=predictor-variants/predictor --settings '{PLATE}' --journal OUT/campaign.csv -o OUT/plate.csv",
    "record-molecules": "sciencegen record molecules measured.csv --journal OUT/campaign.csv",
    "record-variants": "sciencegen record proteins variants.csv --wild-type gb1.fasta --round 1"
    " --journal OUT/campaign.csv",
    "report-campaign": "sciencegen report record-variants/campaign.csv --domain proteins --wild-type gb1.fasta"
    " -o OUT/campaign.html",
    "backtest": "sciencegen backtest molecules measured.csv --batch 4 --rounds 3 --repeats 2 --minimize"
    " -o OUT/campaigns.csv",
    # Judgements
    "evaluate-molecules": "sciencegen evaluate molecules generate-shipped/a.parquet --against moses/test"
    " --training moses/train -o OUT/metrics.json",
    "evaluate-calibrated": "sciencegen evaluate proteins generate-variants/a.fasta --against gb1-doubles/test"
    " --training gb1-doubles/train --model train-variants/model --calibrate mutations=2,4 --draws 16 --limit 10"
    " -o OUT/metrics.json",
    "evaluate-structures": "sciencegen evaluate molecules generate-3d/a.sdf --form structures --against qm9/test"
    " -o OUT/metrics.json",
    "evaluate-proteins": "sciencegen evaluate proteins generate-family/a.csv --against family.a2m -o OUT/metrics.json",
    "evaluate-galaxies": "sciencegen evaluate galaxies generate-galaxies/a.fits --against simulated/test --limit 6"
    " -o OUT/metrics.json",
    "benchmark": "sciencegen benchmark pmo --tasks zaleplon_mpo,median1 --budget 40 --seeds 1 --method prior,evolution"
    " --model train-molecules/model -o OUT/pmo.csv",
    # The workflow
    "run": "sciencegen run proteins --config workflow.yaml --results OUT/results",
    "run-molecules": "sciencegen run molecules --results OUT/results -- --dry-run",
    "run-galaxies": "sciencegen run galaxies --results OUT/results -- --dry-run",
    "report": "sciencegen report run/results/proteins/tiny --colour-by fitness -o OUT/report.html",
    # The same in Python
    "py-load": """
space = sg.load("molecules")
latents = space.encode(["CCO", "c1ccccc1O"])
decoded = space.decode(latents)
sampled = space.decode(space.sample(8, seed=1, condition={"qed": 0.9}))
path = space.interpolate("CCO", "c1ccccc1O", steps=5)
near = space.neighbours("CC(=O)Oc1ccccc1C(=O)O", n=3)
walk = space.traverse("CCO", 0, [-1.0, 0.0, 1.0])
plane = space.map(["CCO", "CCN", "Oc1ccccc1"])
""",
    "py-load-shipped": """
import numpy
made, noise = {}, numpy.random.default_rng(0)
for domain, name in (("molecules", "qm9-molecules"), ("molecules", "qm9-joint"), ("galaxies", "galaxies")):
    space = sg.load(domain, name)
    made[name] = space.decode(noise.standard_normal((3, space.size), dtype=numpy.float32))
""",
    "py-load-family": """
space = sg.load("proteins", "train-family/model")
sampled = space.decode(space.sample(4, seed=2))
latents = space.encode(sampled)
""",
    "py-prepare": "sg.prepare('molecules', 'OUT/data', source='moses/train', sample=True, limit=120, threads=1)",
    "py-train": """
sg.train("proteins", "gb1-doubles", folder="OUT/model", conditions=["fitness", "mutations"], limit=200,
         training={"steps": 5, "batch_size": 64, "warmup_steps": 2}, threads=1)
""",
    "py-train-predictor": """
sg.train_predictor("molecules", "solubility/test", folder="OUT/predictor", target="value", split="scaffold", limit=60,
                   evaluation_folds=2, evaluation_repeats=1, threads=1)
""",
    "py-predict": "table = sg.predict('molecules', ['CCO', 'c1ccccc1O', 'bad'], 'predictor-molecules/predictor')",
    "py-generate": "table = sg.generate('molecules', n=40, raw=True, include=['qed', 'alerts'], seed=3, threads=1)",
    "py-generate-family": "table = sg.generate('proteins', n=10, model='train-family/model', where=['value=-0.5'])",
    "py-score": """
table = sg.score("molecules", ["CCO", "c1ccccc1O", "bad"], ["qed", "sa", "alerts"],
                 predictors={"sol": "predictor-molecules/predictor"})
stamps = sg.score("galaxies", ["generate-galaxies/a.fits[0]"], ["flux", "gini"])
""",
    "py-sequences": """
table = sg.sequences("proteins", ["sequences-table/s.pdb[1]"], 3, threads=1,
                     oracles={"design": {"command": "python design.py {input} {output} {n}"}})
""",
    "py-optimize": """
table = sg.optimize("molecules", ["maximize qed", "sa <= 5", "similarity to CCO >= 0.01"], start=["CCOc1ccccc1"],
                    model="train-molecules/model", budget=60, n=5, controls=["prior", "hill_climb"], threads=1)
""",
    "py-propose": """
breeding = {"children": 40, "generations": 2, "draws": 30}
table = sg.propose("proteins", "variants.csv", wild_type="gb1.fasta", batch=6, acquisition="greedy", diversity=0.5,
                   space={"positions": "2-20", "maximum_mutations": 3}, surrogate="gp", scale="linear",
                   breeding=breeding, predictors={"fit": "predictor-variants/predictor"}, journal="OUT/campaign.csv",
                   threads=1)
getattr(table, "enter", lambda: None)()  # version 0.1 entered the plate at once
""",
    "py-record": "recorded = sg.record('proteins', 'OUT/campaign.csv', 'variants.csv', wild_type='gb1.fasta', round=1)",
    "py-backtest": """
table = sg.backtest("proteins", "variants.csv", wild_type="gb1.fasta", batch=6, rounds=3, repeats=1, surrogate="gp",
                    scale="linear", threads=1).table
""",
    "py-evaluate": "metrics = sg.evaluate('proteins', 'generate-family/a.csv', against='family.a2m', threads=1)",
    "py-benchmark": """
table = sg.benchmark("pmo", tasks=["zaleplon_mpo"], methods=["prior"], budget=40, seeds=1,
                     model="train-molecules/model")
""",
    "py-run": "sg.run('proteins', 'workflow.yaml', results='OUT/results', flags=['--dry-run'])",
}

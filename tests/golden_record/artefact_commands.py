"""The commands that make the artefacts of a version, and those that later versions must be able to run with them."""

from __future__ import annotations

from .entries import OUT

FAMILY = "{settings: {members: 2, hidden: 2, latent: 2}, training: {steps: 20, batch_size: 16, warmup_steps: 5}}"
SLOW = "{settings: {members: 1, hidden: 2, latent: 1}, training: {steps: 600, batch_size: 16, checkpoint_every: 20}}"
PAIRS = "{limit: 20, settings: {network: {width: 8, pair_width: 4, layers: 1, heads: 2, vectors: 1, radial: 4, " \
        "context: 8}}, training: {steps: 3, batch_size: 8, warmup_steps: 1, log_every: 1}}"  # fmt: skip
PIXELS = "{limit: 8, settings: {unet: {symmetry: d4, width: 2, multipliers: [1, 2], known: 4}, " \
         "diffusion: {steps: 2, flow_steps: 2}}, " \
         "training: {steps: 3, batch_size: 4, log_every: 1, warmup_steps: 1}}"  # fmt: skip
STAMPS = "{limit: 8, settings: {code: 2, pyramid: {width: 2, multipliers: [1, 2], known: 4}, flow_layers: 2, " \
         "flow_width: 4, wish_layers: 2, wish_width: 4, corrections: 0}, " \
         "training: {steps: 4, batch_size: 4, log_every: 1, warmup_steps: 1}, finish: {steps: 4}}"  # fmt: skip
SELFIES = "{limit: 100, settings: {width: 16, heads: 2, layers: 1, hidden: 16, code: 4, flow_layers: 2, " \
          "flow_width: 8}, " \
          "training: {steps: 4, batch_size: 32, warmup_steps: 2, log_every: 2}, finish: {steps: 2}}"  # fmt: skip
SMILES = "{limit: 20, settings: {code: 4, length: 32, networks: {token: 4, encoder: 4, decoder: 8, slots: 2, " \
         "slot: 4, heads: 2, dense: 8}, prior_layers: 2, prior_width: 8}, " \
         "training: {steps: 4, batch_size: 8, warmup_steps: 1, log_every: 2}}"  # fmt: skip
DIFFUSED = STAMPS.replace("{code:", "{latent_prior: diffusion, code:")
FEW_STEPS = "training: {steps: 4, batch_size: 16, warmup_steps: 1, log_every: 2}, finish: {steps: 4}}"
TABLE = "{settings: {width: 4, latent: 2, depth: 1, flow_layers: 1, flow_width: 4, score_samples: 4}, " + FEW_STEPS
TRIALS = TABLE.replace("{width:", "{likelihoods: {spikes: poisson}, factors: 2, width:")
ROWS = "{settings: {width: 8, depth: 1, diffusion: {steps: 4, flow_steps: 4}}, " + FEW_STEPS.split(", finish")[0] + "}"
HALVINGS = "{teacher_steps: 4, training: {steps: 2, batch_size: 8, checkpoint_every: 2, log_every: 1, warmup_steps: 1}}"

MADE: dict[str, str] = {
    "prepared": "sciencegen datasets prepare molecules moses/train --sample --limit 40 -o OUT/data",
    "family": "sciencegen train proteins --alignment short.a2m --measured short.csv --target value"
    f" --settings '{FAMILY}' -o OUT/model",
    "variants": "sciencegen train proteins --data short.csv --wild-type short.fasta --conditions value,mutations"
    f" --settings '{FAMILY}' -o OUT/model",
    "stopped": f"sciencegen train proteins --data family/model/data --settings '{SLOW}' -o OUT/model",
    "conformers": f"sciencegen train molecules --recipe conformers --data qm9 --settings '{PAIRS}' -o OUT/model",
    "joint": "sciencegen train molecules --recipe joint --data conformers/model/data --condition gap"
    f" --settings '{PAIRS}' -o OUT/model",
    "stamps": "sciencegen train galaxies --recipe stamp-diffusion --data simulated/train"
    f" --settings '{PIXELS}' -o OUT/model",
    "images": f"sciencegen train galaxies --data stamps/model/data --settings '{STAMPS}' -o OUT/model",
    "selfies": f"sciencegen train molecules --data moses/train --settings '{SELFIES}' -o OUT/model",
    "stamp-predictor": "sciencegen train predictor galaxies simulated/train --target half_light_radius"
    " --set families=[ridge] --set folds=2 --settings '{limit: 24, evaluation_folds: 2, evaluation_repeats: 1}'"
    " -o OUT/predictor",
    "structure-predictor": "sciencegen train predictor molecules qm9/train_second --target gap --form structures"
    " --set members=1 --set level=0.5 --set 'network={scalars: 4, vectors: 2, tensors: 2, layers: 1, narrowing: 1}'"
    " --set 'training={steps: 4, batch_size: 8, log_every: 2, checkpoint_every: 2}' --settings '{limit: 80}'"
    " -o OUT/predictor",
    "journal": "sciencegen record molecules measured.csv --journal OUT/campaign.csv",
    "variant-journal": "sciencegen propose proteins --measured short.csv --wild-type short.fasta --batch 4"
    " --settings '{surrogate: gp, scale: linear}' --journal OUT/campaign.csv -o OUT/plate.csv",
    "run": "sciencegen run proteins --config short.yaml --results OUT",
    "smiles": f"sciencegen train molecules --recipe smiles-vae --data moses/train --settings '{SMILES}' -o OUT/model",
    "latent-diffusion": f"sciencegen train galaxies --data simulated/train --settings '{DIFFUSED}' -o OUT/model",
    "table": f"sciencegen train arrays --data table.csv --condition city --settings '{TABLE}' -o OUT/model",
    "rows": "sciencegen train arrays --recipe array-diffusion --data table.csv --condition city"
    f" --settings '{ROWS}' -o OUT/model",
    "trials": f"sciencegen train arrays --recipe sequence-vae --data trials.csv --settings '{TRIALS}' -o OUT/model",
    "distilled": "sciencegen train molecules --from conformers/model --data conformers/model/data --distill 2"
    f" --settings '{HALVINGS}' -o OUT/model",
}
"""What is written, by its folder."""
SINCE = {"0.3.0": ("smiles", "latent-diffusion", "distilled", "table", "rows", "trials")}
"""What earlier versions didn't have."""
EXPECTED = "expected"
"""The folder of what the uses wrote."""
STOPPED = ("stopped",)
"""Killed at their first checkpoint."""

USES: dict[str, str] = {
    "train-prepared": "sciencegen train molecules --recipe selfies-vae --data prepared/data -o made/model --settings"
    " '{training: {steps: 1, batch_size: 8}, finish: {steps: 1}, settings: {width: 16, heads: 2, layers: 1, code: 4}}'",
    "evaluate-prepared": "sciencegen evaluate molecules molecules.smi --against measured.csv --training prepared/data"
    " -o OUT/metrics.json",
    "score-family": "sciencegen score proteins --model family/model --variants all-singles -o OUT/scores.csv",
    "encode-family": "sciencegen encode proteins short.a2m --model family/model -o OUT/latents.npz",
    "draw-family": "sciencegen generate proteins --model family/model -n 4 --where 'value=0' -o OUT/a.csv",
    "train-finished": "sciencegen train proteins --alignment short.a2m --measured short.csv --target value"
    f" --settings '{FAMILY}' -o family/model",
    "train-from": "sciencegen train molecules --from selfies/model --data prepared/data --settings"
    " '{training: {steps: 1, batch_size: 8}, finish: {steps: 1}}' -o made/from",
    "draw-variants": "sciencegen generate proteins --model variants/model -n 4 --where 'mutations <= 4' -o OUT/a.csv",
    "train-stopped": MADE["stopped"].replace(OUT, "stopped")
    + "\nsciencegen score proteins --model stopped/model --variants all-singles -o OUT/scores.csv",
    "draw-conformers": "sciencegen generate molecules --model qm9-molecules --complete conformers/model --raw -n 2"
    " -o OUT/a.sdf",
    "draw-joint": "sciencegen generate molecules --model joint/model --raw -n 2 -o OUT/a.csv",
    "draw-stamps": "sciencegen generate galaxies --model stamps/model --raw -n 2 --with flux,gini,m20 -o OUT/a.csv",
    "draw-images": "sciencegen generate galaxies --model images/model --noise-free -n 2 -o OUT/a.fits",
    "encode-selfies": "sciencegen encode molecules molecules.smi --model selfies/model -o OUT/latents.npz",
    "draw-smiles": "sciencegen generate molecules --model smiles/model --raw -n 4 -o OUT/a.csv",
    "encode-smiles": "sciencegen encode molecules molecules.smi --model smiles/model -o OUT/latents.npz",
    "score-smiles": "sciencegen score molecules molecules.smi --model smiles/model --with log_likelihood -o OUT/s.csv",
    "draw-latent-diffusion": "sciencegen generate galaxies --model latent-diffusion/model --noise-free -n 2"
    " --with flux,gini,m20 -o OUT/a.csv",
    "draw-distilled": "sciencegen generate molecules --model qm9-molecules --complete distilled/model --raw -n 2"
    " -o OUT/a.sdf",
    "draw-table": "sciencegen generate arrays --model table/model -n 4 --where 'city = Oslo' -o OUT/a.csv",
    "score-table": "sciencegen score arrays table.csv --model table/model -o OUT/s.csv",
    "draw-rows": "sciencegen generate arrays --model rows/model -n 4 --where 'city = Oslo' -o OUT/a.csv",
    "encode-rows": "sciencegen encode arrays table.csv --model rows/model -o OUT/latents.npz",
    "draw-trials": "sciencegen generate arrays --model trials/model -n 4 -o OUT/a.csv",
    "encode-trials": "sciencegen encode arrays trials.csv --model trials/model -o OUT/latents.npz",
    "predict-variants": "sciencegen predict proteins short.csv --wild-type short.fasta"
    " --predictor fit=run/proteins/short/predictors/value -o OUT/p.csv",
    "predict-structures": "sciencegen predict molecules molecules.smi --predictor gap=structure-predictor/predictor"
    " -o OUT/p.csv",
    "generate-predicted": "sciencegen generate galaxies --model stamps/model --raw -n 2"
    " --predictor r=stamp-predictor/predictor --with r -o OUT/a.csv",
    "propose-journal": "sciencegen propose molecules --journal journal/campaign.csv --batch 2 --pool molecules.smi"
    " --settings '{surrogate: gp, scale: linear}' -o OUT/plate.csv",
    # after the others of this journal: it adds the bounds that versions up to 0.3 refused
    "record-journal": "sciencegen record molecules measured.csv --journal journal/campaign.csv",
    "report-journal": "sciencegen report variant-journal/campaign.csv --domain proteins --wild-type short.fasta"
    " -o OUT/page.html",
    "report-run": "sciencegen report run/proteins/short -o OUT/page.html",
    "dry-run": "sciencegen run proteins --config short.yaml --results OUT -- --dry-run",
}
"""What today's code must be able to do with them, a command in each line."""

"""What editors and type checkers see of the public names, each of which is fetched on first use."""

from sciencegen.api.backtest import backtest as backtest
from sciencegen.api.benchmark import benchmark as benchmark
from sciencegen.api.compress import compress as compress
from sciencegen.api.compress import decompress as decompress
from sciencegen.api.cutout import cutout as cutout
from sciencegen.api.encode import decode as decode
from sciencegen.api.encode import encode as encode
from sciencegen.api.encode import interpolate as interpolate
from sciencegen.api.evaluate import evaluate as evaluate
from sciencegen.api.explore import explore as explore
from sciencegen.api.generate import generate as generate
from sciencegen.api.latent_map import latent_map as latent_map
from sciencegen.api.models.folder import load as load
from sciencegen.api.optimize import optimize as optimize
from sciencegen.api.predict import predict as predict
from sciencegen.api.prepare import prepare as prepare
from sciencegen.api.properties import properties as properties
from sciencegen.api.propose import propose as propose
from sciencegen.api.record import record as record
from sciencegen.api.replay import replay as replay
from sciencegen.api.restore import restore as restore
from sciencegen.api.run import run as run
from sciencegen.api.score import score as score
from sciencegen.api.score_variants import score_variants as score_variants
from sciencegen.api.sequences import sequences as sequences
from sciencegen.api.train import train as train
from sciencegen.api.train_predictor import train_predictor as train_predictor
from sciencegen.api.writing.results import Result as Result
from sciencegen.data.shipped import workflow_root as workflow_root
from sciencegen.domains.checks import check_domain as check_domain
from sciencegen.errors import ConfigError as ConfigError
from sciencegen.errors import DataError as DataError
from sciencegen.errors import IncompatibleError as IncompatibleError
from sciencegen.errors import SciencegenError as SciencegenError
from sciencegen.latent.explorer import LatentSpace as LatentSpace

__version__: str
PUBLIC_NAMES: dict[str, str]

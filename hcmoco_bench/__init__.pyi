# ruff: noqa: I001  # the imports stand by subject
"""The public names, by subject; the comments are the headings of the API page."""

# Stores: prepared data sets on disk
from .prepare.human36m import prepare_human36m
from .prepare.keypoints import prepare_keypoints
from .prepare.ntu import prepare_ntu
from .store.kind import Capabilities, StoreKind
from .store.prepare import prepare_store
from .store.registry import open_store, register_store, store_kind, store_kinds
from .store.store import Store
from .store.verify import verify_store

# Training data: samples and batches from stores
from .data.batch import Batch, collate
from .data.keypoint_images import KeypointImagesDataset
from .data.loader import make_loader
from .data.mixing import MixedDataset
from .data.ntu_store import NtuStoreDataset
from .data.parsing import ParsingDataset
from .data.sample import Draw, Sample

# Encoders and weights
from .models.encoder import Encoder, register_encoder
from .models.encoders import create_encoder
from .models.weights import load_weights

# Losses of pre-training
from .losses.dense import dense_loss
from .losses.in_batch import in_batch_loss
from .losses.memory_bank import MemoryBank
from .losses.sample_level import SampleLevelLoss
from .losses.sparse_inter import sparse_inter_loss
from .losses.sparse_intra import sparse_intra_loss

# Metrics
from .metrics.densepose import DensePoseMetric
from .metrics.joint_accuracy import JointAccuracyMetric
from .metrics.keypoints import KeypointMetric
from .metrics.pose3d import PoseErrorMetric
from .metrics.segmentation import SegmentationMetric

# Pre-training
from .pretrain.checkpoints import load_pretrained
from .pretrain.method import Method, MethodRecord, PretrainData
from .pretrain.recipes import make_pretrain_settings
from .pretrain.registry import get_method, method_names, register_method
from .pretrain.run import run_pretrain
from .pretrain.settings import PretrainSettings

# Tasks: fine-tuning and evaluation
from .tasks.core.checkpoints import load_task_checkpoint
from .tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
from .tasks.core.finetune import run_finetune
from .tasks.core.make_settings import make_finetune_settings, scoring_settings
from .tasks.core.protocol import Protocol
from .tasks.core.record import TaskRecord
from .tasks.core.registry import get_task, register_task, task_names
from .tasks.core.settings import FinetuneSettings
from .tasks.core.task import Evaluation, Task
from .tasks.core.task_data import TaskData

# Results: files, evidence, statistics
from .audit.audit import audit_paths
from .audit.findings import Audit
from .results.evidence import Evidence, load_evidence
from .results.schema import Result, read_result
from .results.statistics import bootstrap_interval, paired_bootstrap

# Leaderboards: published and checked rows, their comparison, tables and page
from .leaderboard.board import Board, Leaderboard
from .leaderboard.collect import open_leaderboard
from .leaderboard.contenders import compare_named
from .leaderboard.level import Level
from .leaderboard.page.site import write_site
from .leaderboard.row import BoardKey, Row
from .leaderboard.rows.add import CheckInputs, add_result
from .leaderboard.rows.row_file import Submission
from .leaderboard.rows.verify import verify_rows
from .leaderboard.tables import Selection, data_frame

# Settings
from .runtime.settings import SettingRecord, Settings, describe_settings

# Errors
from .errors import DataError, HcmocoBenchError, StoreError, TrainingError, UsageError

__version__: str

__all__ = [
    "Audit",
    "Batch",
    "Board",
    "BoardKey",
    "Capabilities",
    "CheckInputs",
    "DataError",
    "DensePoseMetric",
    "Draw",
    "Encoder",
    "Evaluation",
    "Evidence",
    "FinetuneSettings",
    "HcmocoBenchError",
    "JointAccuracyMetric",
    "KeypointImagesDataset",
    "KeypointMetric",
    "Leaderboard",
    "Level",
    "MemoryBank",
    "Method",
    "MethodRecord",
    "MixedDataset",
    "NtuStoreDataset",
    "ParsingDataset",
    "PoseErrorMetric",
    "PretrainData",
    "PretrainSettings",
    "Protocol",
    "Result",
    "Row",
    "Sample",
    "SampleLevelLoss",
    "SegmentationMetric",
    "Selection",
    "SettingRecord",
    "Settings",
    "Store",
    "StoreError",
    "StoreKind",
    "Submission",
    "Task",
    "TaskData",
    "TaskRecord",
    "TrainingError",
    "UsageError",
    "add_result",
    "audit_paths",
    "bootstrap_interval",
    "collate",
    "compare_named",
    "create_encoder",
    "data_frame",
    "dense_loss",
    "describe_settings",
    "evaluate_checkpoint",
    "evaluate_predictions",
    "get_method",
    "get_task",
    "in_batch_loss",
    "load_evidence",
    "load_pretrained",
    "load_task_checkpoint",
    "load_weights",
    "make_finetune_settings",
    "make_loader",
    "make_pretrain_settings",
    "method_names",
    "open_leaderboard",
    "open_store",
    "paired_bootstrap",
    "prepare_human36m",
    "prepare_keypoints",
    "prepare_ntu",
    "prepare_store",
    "read_result",
    "register_encoder",
    "register_method",
    "register_store",
    "register_task",
    "run_finetune",
    "run_pretrain",
    "scoring_settings",
    "sparse_inter_loss",
    "sparse_intra_loss",
    "store_kind",
    "store_kinds",
    "task_names",
    "verify_rows",
    "verify_store",
    "write_site",
]
